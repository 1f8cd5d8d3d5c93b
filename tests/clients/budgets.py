"""OP-LIM-07: what the vendors' own packages make of a budget that is used up. They try a 429 twice more by themselves, unless they are
told not to."""
from contract.quotas import reloaded
from fakes.models import Reply
from harness.runner import case, equal, fixture

from .api_clients import ApiEnv
from .sdk_clients import holds

CONF = """
prices: { currency = "EUR"; table = ( { model = "gpt-real"; input = 1.0; output = 2.0; },
                                      { model = "claude-real"; input = 1.0; output = 2.0; } ); };
quotas: { team: { per = "key"; cost = 0.00001; window = "month"; };
          pace: { per = "key"; requests = 1000; window = "day"; }; };
"""


@fixture("api-budgets", takes_s=7)
def api_budgets(ctx):
    env = ApiEnv(ctx, name="api-budgets")
    try:
        equal(env.call("openai", "retrying", "gpt", [Reply(usage=(1, 1))])["text"], "x", "the answer without a budget")
        env.gw.write_conf(CONF, "95-budget.conf")
        reloaded(env)
        equal(env.call("openai", "retrying", "gpt", [Reply(usage=(100, 100))])["text"], "x", "the answer that uses it up")
    except BaseException:
        env.close()
        raise
    return env


def refused(env):
    return env.gw.metric("aigw_quota_refused_total", quota="team") or 0


def budget_case(ident, client, **wanted):
    @case(ident, "api-budgets")
    def run(env):
        before = refused(env)
        holds(env.call(client, "retrying", "gpt", [Reply()])["error"], kind="RateLimitError", status=429, **wanted)
        equal(refused(env) - before, 1, "requests that the package made")
        equal(env.openai.count, 0, "requests at the model server")


budget_case("OP-LIM-07", "openai", code="insufficient_quota")
budget_case("OP-LIM-07-anthropic", "anthropic")
