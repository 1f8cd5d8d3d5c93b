"""`aigw troubleshoot` with the original's options, texts and exit statuses (auth-and-config.md §5), and `aigw diagnose-token`."""
import time

from fakes import gitlab as gl
from fakes import pki
from harness.command import run
from harness.runner import case, equal, fixture, truth

from ._env import API_KEY, Env, Reply


NOBODY = 1  # a port that nothing listens on


class Operator(Env):
    """A gateway and what its operator types."""

    def settings(self, **changes):
        found = {"AIGW_CUSTOM_MODELS__ENABLED": "true", "AIGW_GITLAB_URL": self.gitlab.url, "AIGW_CUSTOMER_PORTAL_URL": ""}
        found.update(changes)
        return found

    def troubleshoot(self, *args, env=None):
        return run(self.ctx, "troubleshoot", "--endpoint", f"127.0.0.1:{self.gw.port}", *args, plugins=False,
                   env=self.settings() if env is None else env)

    def diagnose(self, token, **changes):
        result = run(self.ctx, "diagnose-token", text=token + "\n", plugins=False, env=self.settings(**changes))
        parts = token.split(".")
        truth(not any(part in result.out + result.err for part in parts if len(part) > 8), "no part of the token",
              result)
        return result


@fixture("operator")
def operator(ctx):
    return Operator(ctx, bypass=True, name="operator")


@fixture("operator-auth")
def operator_with_auth(ctx):
    return Operator(ctx, name="operator-auth")


# -- troubleshoot ------------------------------------------------------------------------------------------------------

@case("OP-TS-environment", "operator")
def environment(env):
    result = env.troubleshoot(env={})
    equal((result.status, result.out, result.err),
          (1, "Testing environment variables ...\n", ">> AIGW_CUSTOM_MODELS__ENABLED must be set to true\n"))
    result = env.troubleshoot(env={"AIGW_CUSTOM_MODELS__ENABLED": "True", "AIGW_GITLAB_URL": env.gitlab.url})
    equal((result.status, result.err), (1, ">> AIGW_CUSTOM_MODELS__ENABLED must be set to true\n"))
    result = env.troubleshoot(env={"AIGW_CUSTOM_MODELS__ENABLED": "true"})
    equal((result.status, result.err),
          (1, ">> Either AIGW_GITLAB_URL (preferred) or AIGW_AUTH__BYPASS_EXTERNAL must be set\n"))


@case("OP-TS-passes", "operator")
def passes(env):
    result = env.troubleshoot()
    equal((result.status, result.err), (0, ""), f"troubleshoot: {result}")
    for text in (f">> AIGW_GITLAB_URL is set to {env.gitlab.url}\n>> Env variables are set correctly ✔\n\n",
                 "Testing if AI Gateway is running...\n>> AI Gateway is up and running ✔\n\n",
                 ">> GitLab API is accessible ✔\n\n", "3 keys, its clock differs by 0 s ✔\n",
                 'Tokens must be for "gitlab-ai-gateway" (aud)'):
        truth(text in result.out, text, result)
    result = env.troubleshoot(env={"AIGW_CUSTOM_MODELS__ENABLED": "true", "AIGW_AUTH__BYPASS_EXTERNAL": "true",
                                   "AIGW_CUSTOMER_PORTAL_URL": env.gitlab.url})
    equal((result.status, result.err), (0, ""))
    truth("GitLab API" not in result.out, "no test of GitLab without its address", result)
    truth(">> Customer Portal is reachable ✔\n\n" in result.out, "the portal", result)


@case("OP-TS-gateway", "operator")
def gateway_is_down(env):
    result = run(env.ctx, "troubleshoot", "--endpoint", f"127.0.0.1:{NOBODY}", env=env.settings(), plugins=False)
    equal(result.status, 1)
    truth(result.err.startswith("AI Gateway is not running. Restart the server, and verify the logs for more information.\n"),
          "the original's words", result)
    endpoint = env.gitlab.url.split("://")[1]
    result = run(env.ctx, "troubleshoot", "--endpoint", endpoint, env=env.settings(), plugins=False)
    equal((result.status, result.err), (1, "AI Gateway is not running. Status code: 404. Restart the server and verify the "
                                           "logs for more information.\n"))


@case("OP-TS-gitlab", "operator")
def gitlab_is_down(env):
    result = env.troubleshoot(env=env.settings(AIGW_GITLAB_URL=f"http://127.0.0.1:{NOBODY}"))
    equal(result.status, 1)
    truth(result.err.startswith(">> Failed to connect to GitLab: "), "the original's words", result)
    env.gitlab.faults["projects"] = gl.Fault("status", 502)
    result = env.troubleshoot()
    env.gitlab.faults.clear()
    equal((result.status, result.err), (1, ">> Failed to connect to GitLab API: 502\n"))
    portal = f"http://127.0.0.1:{NOBODY}"
    result = env.troubleshoot(env=env.settings(AIGW_CUSTOMER_PORTAL_URL=portal))
    equal(result.status, 0, "the portal is a warning")
    truth("AIGW_CUSTOMER_PORTAL_URL (and DUO_WORKFLOW_AUTH__OIDC_CUSTOMER_PORTAL_URL)" in result.out, "both variables",
          result)


def model_arguments(env, script, old=False):
    names = ("--model-name", "--model-key") if old else ("--model-family", "--api-key")
    return (names[0], "mistral", names[1], API_KEY, "--model-endpoint", script.base, "--model-identifier",
            "custom_openai/mistral-7b")


@case("OP-TS-model", "operator")
def model(env):
    for old in (False, True):
        script = env.models.script(Reply())
        result = env.troubleshoot(*model_arguments(env, script, old))
        equal((result.status, result.err), (0, ""), f"model test: {result}")
        truth(">> Successfully accessed the mistral model ✔\n\n" in result.out, "the original's words", result)
        equal(script.seen[0].header("authorization"), f"Bearer {API_KEY}", "the key")


@case("OP-TS-model-fails", "operator")
def model_fails(env):
    script = env.models.script(Reply(status=401, body={"error": {"message": f"bad key {API_KEY}"}}))
    result = env.troubleshoot(*model_arguments(env, script))
    equal(result.status, 1)
    for text in ("Failed to access the mistral model", "Possible causes", "Status: 503", "api-key=(hidden)"):
        truth(text in result.err, text, result)
    truth(API_KEY not in result.out + result.err, "no key (the original prints it)", result)


@case("OP-TS-bedrock", "operator")
def bedrock(env):
    result = env.troubleshoot("--model-identifier", "bedrock/claude",
                              env=env.settings(AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY=""))
    equal((result.status, result.err), (1, "Missing environment variables: AWS_SECRET_ACCESS_KEY, AWS_REGION_NAME for "
                                           "provider Bedrock\n"))


@case("OP-TS-usage", "operator")
def usage(env):
    for args in (("--no-such",), ("--model-family", "no_such_family"), ("--endpoint",), ("word",)):
        equal(env.troubleshoot(*args).status, 2, f"exit status for {args}")


# -- diagnose-token ----------------------------------------------------------------------------------------------------

@case("OP-DT-good", "operator-auth")
def good_token(env):
    for text in (env.token(), "Bearer " + env.token(), f'Authorization: Bearer {env.token()}'):
        result = env.diagnose(text)
        equal((result.status, result.err), (0, ""), f"diagnose-token: {result}")
        for line in ("ok    algorithm  RS256", f'issuer     "{env.gitlab.url}" is Gitlab, 3 keys loaded',
                     'audience   "gitlab-ai-gateway"', 'realm      "self-managed"', "expiry     in 3",
                     "verdict    this gateway accepts the token", "complete_code"):
            truth(line in result.out, line, result)


def refused(env, token, *lines, **changes):
    result = env.diagnose(env.ctx.secret(token), **changes)
    equal(result.status, 1, f"exit status: {result}")
    for line in lines:
        truth(line in result.out, line, result)


@case("OP-DT-refused", "operator-auth")
def refused_tokens(env):
    now = int(time.time())
    other = gl.FakeGitLab(name="another")
    refused(env, env.gitlab.token(exp=now - 1000), "FAIL  expiry     it expired 10", "run NTP on both",
            "verdict    refused: the token expired")
    refused(env, env.gitlab.token(nbf=now + 500), "FAIL  start      it is valid in ", "clock is ahead")
    refused(env, env.gitlab.token(aud=["other"]), 'FAIL  audience   is ["other"], expected "gitlab-ai-gateway"'
            .replace('"other"', "?other?"))
    refused(env, env.gitlab.token(header={"alg": "HS256"}), 'FAIL  algorithm  is "HS256", expected "RS256"')
    refused(env, other.token(), "FAIL  key id     ", "warn  issuer     ", "set AIGW_GITLAB_URL to it",
            "verdict    refused: the token (issuer")
    refused(env, env.gitlab.token(key=pki.rsa_key("forged")), "verdict    refused: the signature does not match the key")
    refused(env, "glpat-notajsonwebtoken12", "FAIL  shape      ", "A personal access token")
    refused(env, env.gitlab.token()[:-20] + "!", "verdict    refused: ")
    refused(env, env.gitlab.token(), "FAIL  key id", AIGW_GITLAB_URL=f"http://127.0.0.1:{NOBODY}")
    other.close()


@case("OP-DT-odd", "operator-auth")
def odd_tokens(env):
    """It says of a token what the gateway does with it, odd ones too."""
    now = int(time.time())
    for token, line in ((env.gitlab.token(header={"kid": "of-nobody"}), 'warn  key id     "of-nobody" is none of the'),
                        (env.gitlab.token(exp=str(now + 1000)), "ok    expiry     in "),
                        (env.gitlab.token(exp=now + 1000.5), "ok    expiry     in "),
                        (env.gitlab.token(exp=2 ** 63 - 1, nbf=-2 ** 63, iat=-2 ** 63), "ok    expiry     in "),
                        (env.gitlab.token(exp=1e300, iat=-1e300), "ok    expiry     in "),
                        (env.gitlab.token(iss="https://elsewhere.example.com"), "warn  issuer     ")):
        asked = env.post("/v1/code/user_access_token", headers=env.auth(env.ctx.secret(token)))
        equal(asked.status, 200, f"what the gateway answers where {line!r} is to be said")
        result = env.diagnose(token)
        equal((result.status, "FAIL" in result.out, line in result.out), (0, False, True), f"diagnose-token: {result}")
    for token in (env.gitlab.token(aud="gitlab-ai-gateway\0x"), env.gitlab.token(exp="soon"), env.gitlab.token(exp=-2 ** 63),
                  env.gitlab.token(sub=7)):
        equal(env.post("/v1/code/user_access_token", headers=env.auth(env.ctx.secret(token))).status, 401, "the gateway's word")
        refused(env, token, "FAIL  verdict    refused: ")


@case("OP-DT-rights", "operator-auth")
def rights(env):
    result = env.diagnose(env.token(scopes=[]))
    truth("warn  scopes     none: every feature will be refused (403)" in result.out, "no rights", result)
    env.gitlab.server.clock_shift_s = 0
    result = env.diagnose(env.user_token(), AIGW_SELF_SIGNED_JWT__SIGNING_KEY=pki.private_pem(env.signing_key))
    truth('issuer     this gateway itself ("gitlab-ai-gateway")' in result.out, "our own token", result)
    equal(result.status, 0)
