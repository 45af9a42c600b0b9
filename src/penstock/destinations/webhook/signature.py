"""Signatures as Standard Webhooks 1.0 says (github.com/standard-webhooks/standard-webhooks, spec). Pure."""

import base64
import hmac


def signed(secret: bytes, *, id_: str, at_s: int, body: bytes) -> dict[str, str]:
    """Return the headers that prove who sent a body; `at_s` is in seconds since 1970."""
    content = b"%s.%d.%s" % (id_.encode(errors="surrogatepass"), at_s, body)
    digest = base64.b64encode(hmac.digest(secret, content, "sha256")).decode()
    return {"webhook-id": id_, "webhook-timestamp": str(at_s), "webhook-signature": f"v1,{digest}"}
