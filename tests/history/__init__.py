"""What happened, written down by those who saw it, and judged by somebody who knows nothing of the product.

A client records what it sent and what was accepted; a hostile Custify records what came and what it applied; whoever makes
trouble records backups, restores and the figures that the server shows. `checker.py` reads that history and nothing else.
This package imports nothing of penstock: a mistake there cannot excuse itself here.
"""
