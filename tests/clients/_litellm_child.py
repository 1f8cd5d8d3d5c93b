"""LiteLLM's proxy with models that are answered from its own configuration, and one behind it that a model server
answers. usage: _litellm_child.py <folder> <key> <url of that server>; prints {"url"}, ends when standard input
closes."""
import asyncio
import json
import os
import sys

FOLDER, KEY, BEHIND = sys.argv[1:]
CONFIG = {
    "model_list": [
        {"model_name": "says", "litellm_params": {"model": "openai/says", "api_key": "none",
                                                  "mock_response": "hello from the proxy"}},
        {"model_name": "limited", "litellm_params": {"model": "openai/limited", "api_key": "none",
                                                     "mock_response": "litellm.RateLimitError"}},
        {"model_name": "too-long", "litellm_params": {"model": "openai/too-long", "api_key": "none",
                                                      "mock_response": "litellm.ContextWindowExceededError"}},
        {"model_name": "broken", "litellm_params": {"model": "openai/broken", "api_key": "none",
                                                    "mock_response": "litellm.InternalServerError"}},
        {"model_name": "behind", "litellm_params": {"model": "openai/behind", "api_key": "none",
                                                    "api_base": BEHIND + "/v1"}},
    ],
    "general_settings": {"master_key": KEY},
    "litellm_settings": {"telemetry": False, "num_retries": 0},
    "router_settings": {"num_retries": 0, "disable_cooldowns": True},
}
os.makedirs(FOLDER, exist_ok=True)
path = os.path.join(FOLDER, "litellm.yaml")
with open(path, "w", encoding="utf-8") as out:
    json.dump(CONFIG, out)
os.environ.update(CONFIG_FILE_PATH=path, LITELLM_LOCAL_MODEL_COST_MAP="True", DISABLE_ADMIN_UI="True", NO_DOCS="True",
                  LITELLM_MODE="PRODUCTION")

import uvicorn  # noqa: E402
from litellm.proxy.proxy_server import app  # noqa: E402


class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        print(json.dumps({"url": f"http://127.0.0.1:{port}"}), file=hello, flush=True)


async def main():
    server = Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))

    def stop():
        server.should_exit = True
    asyncio.get_running_loop().run_in_executor(None, sys.stdin.read).add_done_callback(lambda _: stop())
    await server.serve()


hello = sys.stdout
sys.stdout = sys.stderr  # what the proxy prints
asyncio.run(main())
