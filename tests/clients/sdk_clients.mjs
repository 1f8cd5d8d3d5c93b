// Calls a gateway with the vendors' own clients and with GitLab's. usage: node sdk_clients.mjs <with node_modules>
// Each line on standard input is one call, {client, call, url, token, headers, model, …}; each is answered by one
// line: {text, …} or {error: {status, message, retryAfter, kind}}. Ends when standard input closes.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { join } from "node:path";

const require = createRequire(join(process.argv[2], "package.json"));
const Anthropic = require("@anthropic-ai/sdk").default;
const OpenAI = require("openai").default;
const { createGitLab } = require("@gitlab/gitlab-ai-provider");

const ask = [{ role: "user", content: "hi" }];
const parts = [{ role: "user", content: [{ type: "text", text: "hi" }] }];

// GitLab's side of the provider: an instance that hands out the gateway's token.
let grant = {};
let grants = 0;
const instance = createServer((request, response) => {
  grants += request.url === "/api/v4/ai/third_party_agents/direct_access" ? 1 : 0;
  request.resume().on("end", () => response.end(JSON.stringify(grant)));
});
await new Promise((ready) => instance.listen(0, "127.0.0.1", ready));

function anthropic(order) {
  return new Anthropic({ apiKey: null, authToken: order.token, baseURL: `${order.url}/v1/proxy/anthropic`,
                         defaultHeaders: order.headers, maxRetries: order.retries ?? 0 });
}

function openai(order) {
  return new OpenAI({ apiKey: order.token, baseURL: `${order.url}/v1/proxy/openai/v1`, defaultHeaders: order.headers,
                      maxRetries: order.retries ?? 0 });
}

function gitlab(order) {
  grant = { token: order.token, headers: order.headers };
  grants = 0;
  return createGitLab({ instanceUrl: `http://127.0.0.1:${instance.address().port}`, apiKey: "glpat-test",
                        aiGatewayUrl: order.url }).agenticChat(order.model);
}

const calls = {
  async "anthropic whole"(order) {
    const made = anthropic(order).messages.create({ model: order.model, max_tokens: 64, messages: ask });
    const { data, response } = await made.withResponse();
    return { text: data.content[0].text, stop: data.stop_reason, type: response.headers.get("content-type") };
  },
  async "anthropic beta"(order) {
    const data = await anthropic(order).beta.messages.create({ model: order.model, max_tokens: 64, messages: ask,
                                                               betas: ["context-1m-2025-08-07"] });
    return { text: data.content[0].text };
  },
  async "anthropic stream"(order) {
    const stream = anthropic(order).messages.stream({ model: order.model, max_tokens: 64, messages: ask });
    const pieces = [];
    stream.on("text", (text) => pieces.push(text));
    const last = await stream.finalMessage();
    return { text: last.content[0].text, pieces, stop: last.stop_reason };
  },
  async "anthropic count"(order) {
    const count = await anthropic(order).beta.messages.countTokens({ model: order.model, messages: ask });
    return { tokens: count.input_tokens };
  },
  async "openai whole"(order) {
    const data = await openai(order).chat.completions.create({ model: order.model, messages: ask });
    return { text: data.choices[0].message.content, stop: data.choices[0].finish_reason };
  },
  async "openai stream"(order) {
    const stream = await openai(order).chat.completions.create({ model: order.model, messages: ask, stream: true,
                                                                 stream_options: { include_usage: true } });
    const pieces = [];
    let usage = null;
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta?.content) pieces.push(chunk.choices[0].delta.content);
      usage = chunk.usage ?? usage;
    }
    return { text: pieces.join(""), pieces, usage };
  },
  async "openai embeddings"(order) {
    const data = await openai(order).embeddings.create({ model: order.model, input: ["a", "b"] });
    return { vectors: data.data.map((item) => item.embedding) };
  },
  async "gitlab whole"(order) {
    const data = await gitlab(order).doGenerate({ prompt: parts });
    return { text: data.content[0].text, stop: data.finishReason, grants };
  },
  async "gitlab stream"(order) {
    const { stream } = await gitlab(order).doStream({ prompt: parts });
    const seen = [];
    let error = null;
    for await (const part of stream) {
      if (part.type === "text-delta") seen.push(part.delta);
      if (part.type === "error") error = part.error;
    }
    if (error) throw error;
    return { text: seen.join(""), pieces: seen, grants };
  },
};

function told(error) {
  return { error: { kind: error.constructor.name, status: error.status ?? error.statusCode ?? null,
                    message: String(error.message), retryAfter: error.headers?.get?.("retry-after") ?? null,
                    grants } };
}

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  let answer;
  try {
    answer = await calls[`${order.client} ${order.call}`](order);
  } catch (error) {
    answer = told(error);
  }
  console.log(JSON.stringify(answer));
}
instance.close();
