// Runs aimock, an OpenAI- and Anthropic-compatible mock that nobody of this project wrote, until standard input closes.
// usage: node aimock.mjs <folder with node_modules> ; prints one line of JSON: {"url": "http://127.0.0.1:…"}
// Lines on standard input are commands: "requests" prints what it was asked so far.
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
mock.onMessage(/[^]*/, { content: "\n  puts \"hello world\"\nend" });
await mock.start();
console.log(JSON.stringify({ url: mock.url }));

const input = createInterface({ input: process.stdin });
input.on("line", (line) => {
  if (line === "requests") {
    console.log(JSON.stringify(mock.getRequests().map((seen) => ({ path: seen.path, body: seen.body }))));
  }
});
input.on("close", async () => {
  await mock.stop();
  process.exit(0);
});
