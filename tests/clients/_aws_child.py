"""Two things of AWS that nobody here wrote: moto's server (it plays the Security Token Service), and botocore's
signer. Prints {"url": moto's}. Each line on standard input is a signed request as a server received it and the
keys it should be signed with: {"method", "url", "headers", "body" (base64), "key_id", "secret", "token"}; each is
answered by what is wrong with it: {"complaints": []}."""
import base64
import hashlib
import json
import logging
import re
import sys

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.server import ThreadedMotoServer

FORM = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, ?SignedHeaders=([^,]+), ?"
                  r"Signature=([0-9a-f]{64})")


def complaints(order):
    headers = {name.lower(): value for name, value in order["headers"].items()}
    body = base64.b64decode(order["body"])
    form = FORM.fullmatch(headers.get("authorization", ""))
    if not form:
        return ["Authorization is " + headers.get("authorization", "absent")]
    key_id, day, region, service, signed, signature = form.groups()
    names = signed.split(";")
    date = headers.get("x-amz-date", "")
    found = []
    if key_id != order["key_id"]:
        found.append(f"it is signed for the key {key_id}")
    if names != sorted(names) or not {"host", "x-amz-date"} <= set(names):
        found.append(f"SignedHeaders are {names}")
    if not date.startswith(day):
        found.append(f"x-amz-date is {date!r}")
    if headers.get("x-amz-security-token") != order.get("token"):
        found.append("x-amz-security-token is not that of the keys")
    if order.get("token") and "x-amz-security-token" not in names:
        found.append("x-amz-security-token is not signed")
    if headers.get("x-amz-content-sha256", digest := hashlib.sha256(body).hexdigest()) != digest:
        found.append("x-amz-content-sha256 is not that of the body")
    request = AWSRequest(order["method"], order["url"], {name: headers.get(name, "") for name in names}, body)
    request.context["timestamp"] = date
    signer = SigV4Auth(Credentials(order["key_id"], order["secret"], order.get("token")), service, region)
    canonical = signer.canonical_request(request)
    right = signer.signature(signer.string_to_sign(request, canonical), request)
    if right != signature:
        found.append(f"botocore signs {canonical!r} otherwise")
    return found + [f"{name} is {value}, not {order[name]}" for name, value in (("region", region), ("service", service))
                    if order.get(name, value) != value]


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    print(json.dumps({"url": f"http://{host}:{port}"}), flush=True)
    for line in sys.stdin:
        print(json.dumps({"complaints": complaints(json.loads(line))}), flush=True)
    moto.stop()


main()
