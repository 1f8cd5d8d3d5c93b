"""google-auth judges what the gateway signed. Each line on standard input is a claim of a service account, {"assertion",
"key" (PEM, public), "audience"}, answered by {"claims"}, or an AWS identity, {"subject", "audience", "region", "id",
"secret", "token"}, answered by {"complaints": []}; or by {"complaint"}."""
import json
import sys
import urllib.parse
from datetime import datetime
from unittest import mock

from google.auth import _helpers, aws, jwt


def complaints(order):
    """What is wrong with an AWS identity: google-auth makes one of its own of the same keys at the same moment."""
    subject = json.loads(urllib.parse.unquote(order["subject"]))
    headers = {header["key"]: header["value"] for header in subject["headers"]}
    url = f"https://sts.{order['region']}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
    moment = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ")
    keys = aws.AwsSecurityCredentials(order["id"], order["secret"], order["token"])
    with mock.patch.object(_helpers, "utcnow", lambda: moment):
        right = aws.RequestSigner(order["region"]).get_request_options(
            keys, url, "POST", additional_headers={"x-goog-cloud-target-resource": order["audience"]})
    found = [f"{name} is {subject[name]}, not {right[name]}" for name in ("url", "method") if subject[name] != right[name]]
    names = set(headers) | set(right["headers"])
    return found + [f"{name} is {headers.get(name)}, not {right['headers'].get(name)}" for name in sorted(names)
                    if (headers.get(name) or "").replace(", ", ",") != (right["headers"].get(name) or "").replace(", ", ",")]


def judge(order):
    if "subject" in order:
        return {"complaints": complaints(order)}
    return {"claims": jwt.decode(order["assertion"], order["key"].encode(), audience=order["audience"])}


for line in sys.stdin:
    try:
        told = judge(json.loads(line))
    except Exception as complaint:
        told = {"complaint": f"{type(complaint).__name__}: {complaint}"}
    print(json.dumps(told), flush=True)
