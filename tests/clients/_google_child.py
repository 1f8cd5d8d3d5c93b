"""google-auth judges the claims that a service account's key signed. Each line on standard input is {"assertion",
"key" (PEM, public), "audience"}; each is answered by {"claims"}, or {"complaint"}."""
import json
import sys

from google.auth import jwt

for line in sys.stdin:
    order = json.loads(line)
    try:
        told = {"claims": jwt.decode(order["assertion"], order["key"].encode(), audience=order["audience"])}
    except Exception as complaint:
        told = {"complaint": f"{type(complaint).__name__}: {complaint}"}
    print(json.dumps(told), flush=True)
