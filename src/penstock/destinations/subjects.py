"""How records are told apart, whatever a destination calls people and companies: `user:…`, `email:…`, `company:…`."""

from penstock.placeholders import plain_email


def user_subject(user_id: str) -> str:
    """Return the subject of a person who has a user id."""
    return f"user:{user_id}"


def email_subject(email: str) -> str:
    """Return the subject of a person known by e-mail alone; however the address is written, it is one."""
    return f"email:{plain_email(email)}"


def company_subject(company_id: str) -> str:
    """Return the subject of a company."""
    return f"company:{company_id}"
