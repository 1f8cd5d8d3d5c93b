// Runs aimock, a mock of many model servers' protocols that nobody of this project wrote, until standard input closes.
// usage: node aimock.mjs <folder with node_modules> ; prints one line of JSON: {"url": "http://127.0.0.1:…"}
// Lines on standard input are commands in JSON: "requests" prints what it was asked so far.
// What it answers depends on the words of the last question.
import { register } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { join } from "node:path";
import zlib from "node:zlib";

if (!zlib.crc32) {
  register("./zlib_crc32.mjs", import.meta.url);
}
const entry = join(process.argv[2], "node_modules", "@copilotkit", "aimock", "dist", "index.js");
const { LLMock } = await import(pathToFileURL(entry).href);

const mock = new LLMock({ port: 0, host: "127.0.0.1", latency: 0, chunkSize: 7 });
const weather = (id, place) => ({ id, name: "get_weather", arguments: JSON.stringify({ place }) });
const failure = (status, message, more) => ({ error: { message, type: "mock_error" }, status, ...more });

mock.on({ userMessage: "weather", hasToolResult: false },
  { toolCalls: [weather("callParis", "Paris"), weather("callRome1", "Rome")] });
mock.on({ userMessage: "weather", hasToolResult: true }, { content: "sunny in both" });
mock.onMessage("think", { content: "forty-two", reasoning: "six times seven" });
mock.onMessage("answer to everything", { content: "I know it.\nFinal Answer: forty-two" });
mock.onMessage("rate limit", failure(429, "slow down", { retryAfter: 7 }));
mock.onMessage("overload", failure(503, "try again later"));
mock.onMessage("break", failure(500, "it broke"));
mock.onMessage("malformed", failure(400, "no such parameter"));
mock.onEmbedding(/[^]*/, { embedding: [0.5, -0.25, 1] });
mock.onMessage(/[^]*/, {
  content: "\n  puts \"hello world\"\nend",
  usage: { prompt_tokens: 11, completion_tokens: 5, total_tokens: 16, input_tokens: 11, output_tokens: 5,
    promptTokenCount: 11, candidatesTokenCount: 5, totalTokenCount: 16 },
});
await mock.start();
console.log(JSON.stringify({ url: mock.url }));

const input = createInterface({ input: process.stdin });
input.on("line", (line) => {
  if (JSON.parse(line) === "requests") {
    console.log(JSON.stringify(mock.getRequests().map(({ path, headers, body }) => ({ path, headers, body }))));
  }
});
input.on("close", async () => {
  await mock.stop();
  process.exit(0);
});
