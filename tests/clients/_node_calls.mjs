// A child of node_clients.py: clients for Node.js, made by the code of docs/clients.md, with an API key of the gateway.
// usage: node _node_calls.mjs <with node_modules>. Each line on standard input is one call, {call, recipe, key, model}; each is
// answered by one line, {…} or {error: {kind, status, message}}. Ends when standard input closes.
import { unlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

console.log = console.info = console.warn = console.error; // standard output is for answers

const require = createRequire(join(process.argv[2], "package.json"));
const { z } = require("zod");
const { zodResponseFormat, zodTextFormat } = require("openai/helpers/zod");
const { generateText, Output, stepCountIs, streamText, tool } = require("ai");

const ask = [{ role: "user", content: "hi" }];
const numbers = { type: "object", properties: { a: { type: "integer" }, b: { type: "integer" } }, required: ["a", "b"] };
const person = z.object({ name: z.string(), age: z.number() });
const add = ({ a, b }) => String(a + b);

async function made(code) {
  const path = join(process.argv[2], `recipe-${process.pid}-${made.count = (made.count ?? 0) + 1}.mjs`);
  writeFileSync(path, code + "\nexport { client };\n");
  try {
    return (await import(pathToFileURL(path))).client;
  } finally {
    unlinkSync(path);
  }
}

const openaiTools = (seen) => [{ type: "function", function: {
  name: "add", description: "Adds", parameters: numbers, parse: JSON.parse,
  function: (given) => { seen.push(given); return add(given); } } }];

const calls = {
  async "openai chat"(client, model) {
    const said = await client.chat.completions.create({ model, messages: ask });
    return { text: said.choices[0].message.content, stop: said.choices[0].finish_reason,
             tokens: [said.usage.prompt_tokens, said.usage.completion_tokens], model: said.model };
  },
  async "openai stream"(client, model) {
    const stream = client.chat.completions.stream({ model, messages: ask, stream_options: { include_usage: true } });
    const pieces = [];
    stream.on("content", (piece) => pieces.push(piece));
    const usage = await stream.totalUsage();
    return { text: await stream.finalContent(), pieces: pieces.length,
             tokens: [usage.prompt_tokens, usage.completion_tokens] };
  },
  async "openai parse"(client, model) {
    const said = await client.chat.completions.parse({ model, messages: ask, response_format: zodResponseFormat(person, "person") });
    return { person: said.choices[0].message.parsed };
  },
  async "openai tools"(client, model) {
    const seen = [];
    const runner = client.chat.completions.runTools({ model, messages: ask, tools: openaiTools(seen) });
    return { text: await runner.finalContent(), calls: seen };
  },
  async "openai stream-tools"(client, model) {
    const seen = [];
    const runner = client.chat.completions.runTools({ model, messages: ask, tools: openaiTools(seen), stream: true });
    return { text: await runner.finalContent(), calls: seen };
  },
  async "openai responses"(client, model) {
    const said = await client.responses.create({ model, input: "hi", instructions: "be brief" });
    return { text: said.output_text, status: said.status, tokens: [said.usage.input_tokens, said.usage.output_tokens] };
  },
  async "openai responses-stream"(client, model) {
    const stream = client.responses.stream({ model, input: ask });
    const sequence = [];
    stream.on("event", (event) => sequence.push(event.sequence_number));
    const said = await stream.finalResponse();
    return { text: said.output_text, status: said.status, isWhole: sequence.every((number, index) => number === index) };
  },
  async "openai responses-parse"(client, model) {
    const said = await client.responses.parse({ model, input: ask, text: { format: zodTextFormat(person, "person") } });
    return { person: said.output_parsed };
  },
  async "openai responses-tools"(client, model) {
    const tools = [{ type: "function", name: "add", parameters: numbers, strict: false }];
    const first = await client.responses.create({ model, input: ask, tools, store: false });
    const used = first.output.filter((item) => item.type === "function_call");
    const results = used.map((item) => ({ type: "function_call_output", call_id: item.call_id, output: add(JSON.parse(item.arguments)) }));
    const last = await client.responses.create({ model, input: [...ask, ...first.output, ...results], tools, store: false });
    return { text: last.output_text, calls: used.map((item) => JSON.parse(item.arguments)) };
  },
  async "openai models"(client) {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    return { models: ids };
  },
  async "anthropic messages"(client, model) {
    const said = await client.messages.create({ model, max_tokens: 64, messages: ask });
    return { text: said.content[0].text, stop: said.stop_reason, tokens: [said.usage.input_tokens, said.usage.output_tokens],
             model: said.model };
  },
  async "anthropic stream"(client, model) {
    const stream = client.messages.stream({ model, max_tokens: 64, messages: ask });
    const pieces = [];
    stream.on("text", (piece) => pieces.push(piece));
    return { text: await stream.finalText(), pieces: pieces.length };
  },
  async "anthropic tools"(client, model) {
    const seen = [];
    const tools = [{ type: "custom", name: "add", description: "Adds", input_schema: numbers, parse: (given) => given,
                     run: (given) => { seen.push(given); return add(given); } }];
    const last = await client.beta.messages.toolRunner({ model, max_tokens: 64, messages: ask, tools });
    return { text: last.content[0].text, calls: seen };
  },
  async "anthropic stream-tools"(client, model) {
    const tools = [{ name: "add", description: "Adds", input_schema: numbers }];
    const last = await client.messages.stream({ model, max_tokens: 64, messages: ask, tools }).finalMessage();
    return { calls: last.content.filter((block) => block.type === "tool_use").map((block) => block.input), stop: last.stop_reason };
  },
  async "anthropic thinking"(client, model) {
    const stream = client.messages.stream({ model, max_tokens: 4096, messages: ask,
                                            thinking: { type: "enabled", budget_tokens: 1024 } });
    const pieces = [];
    stream.on("thinking", (piece) => pieces.push(piece));
    const said = await stream.finalMessage();
    const again = [...ask, { role: "assistant", content: said.content }, { role: "user", content: "go on" }];
    const last = await client.messages.create({ model, max_tokens: 64, messages: again });
    return { thinking: pieces.join(""), blocks: said.content.map((block) => block.type), text: last.content.at(-1).text };
  },
  async "anthropic count"(client, model) {
    return { isCounted: (await client.messages.countTokens({ model, messages: ask })).input_tokens > 0 };
  },
  async "anthropic models"(client) {
    const ids = [];
    for await (const model of client.models.list({ limit: 1 })) ids.push(model.id);
    return { models: ids };
  },
  async "google generate"(client, model) {
    const said = await client.models.generateContent({ model, contents: "hi", config: { systemInstruction: "be brief" } });
    return { text: said.text, stop: said.candidates[0].finishReason,
             tokens: [said.usageMetadata.promptTokenCount, said.usageMetadata.candidatesTokenCount] };
  },
  async "google stream"(client, model) {
    const pieces = [];
    for await (const chunk of await client.models.generateContentStream({ model, contents: "hi" }))
      if (chunk.text) pieces.push(chunk.text);
    return { text: pieces.join(""), pieces: pieces.length };
  },
  async "google chat"(client, model) {
    const chat = client.chats.create({ model });
    const said = [];
    for (const message of ["hi", "and now?"]) {
      let text = "";
      for await (const chunk of await chat.sendMessageStream({ message })) text += chunk.text ?? "";
      said.push(text);
    }
    return { text: said.join("+"), kept: chat.getHistory(true).filter((content) => content.role === "user").length };
  },
  async "google tools"(client, model) {
    const seen = [];
    const chat = client.chats.create({ model, config: { tools: [{ functionDeclarations: [
      { name: "add", description: "Adds", parametersJsonSchema: numbers }] }] } });
    const first = await chat.sendMessage({ message: "hi" });
    const results = first.functionCalls.map((call) => {
      seen.push(call.args);
      return { functionResponse: { id: call.id, name: call.name, response: { output: add(call.args) } } };
    });
    return { text: (await chat.sendMessage({ message: results })).text, calls: seen };
  },
  async "google schema"(client, model) {
    const said = await client.models.generateContent({ model, contents: "hi", config: {
      responseMimeType: "application/json", responseJsonSchema: z.toJSONSchema(person) } });
    return { person: JSON.parse(said.text) };
  },
  async "google count"(client, model) {
    return { isCounted: (await client.models.countTokens({ model, contents: "hi" })).totalTokens > 0 };
  },
  async "google models"(client) {
    const names = [];
    for await (const model of await client.models.list()) names.push(model.name);
    return { models: names };
  },
};

const vercel = {
  async generate(model) {
    const said = await generateText({ model, prompt: "hi", system: "be brief", maxRetries: 0 });
    return { text: said.text, stop: said.finishReason, tokens: [said.usage.inputTokens, said.usage.outputTokens] };
  },
  async stream(model) {
    let failed;
    const said = streamText({ model, prompt: "hi", maxRetries: 0, onError: ({ error }) => { failed = error; } });
    let pieces = 0;
    for await (const piece of said.textStream) pieces += piece ? 1 : 0;
    if (failed) throw failed;
    return { text: await said.text, stop: await said.finishReason, pieces };
  },
  async tools(model, isStream = false) {
    const seen = [];
    const given = { model, prompt: "hi", maxRetries: 0, stopWhen: stepCountIs(3), tools: { add: tool({
      description: "Adds", inputSchema: z.object({ a: z.number(), b: z.number() }),
      execute: async (input) => { seen.push(input); return add(input); } }) } };
    let failed;
    const said = isStream ? streamText({ ...given, onError: ({ error }) => { failed = error; } }) : await generateText(given);
    if (isStream) for await (const piece of said.fullStream) void piece;
    if (failed) throw failed;
    return { text: await said.text, calls: seen.sort((one, other) => one.a - other.a) };
  },
  "stream-tools": (model) => vercel.tools(model, true),
  async turns(model) {
    const given = { model, maxRetries: 0, providerOptions: { openai: { store: false } } };
    const first = await generateText({ ...given, messages: ask });
    const last = await generateText({ ...given, messages: [...ask, ...first.response.messages, { role: "user", content: "and now?" }] });
    return { text: first.text + "+" + last.text, stop: last.finishReason };
  },
  async schema(model) {
    const said = await generateText({ model, prompt: "hi", maxRetries: 0, output: Output.object({ schema: person }) });
    return { person: said.output };
  },
};
for (const api of ["responses", "chat", "messages", "gemini", "compatible"])
  for (const name of Object.keys(vercel))
    calls[`vercel ${api}-${name}`] = (client) => vercel[name](client[api]);

const clients = new Map();
for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  process.env.AIGW_KEY = order.key;
  try {
    if (!clients.has(order.recipe)) clients.set(order.recipe, await made(order.recipe));
    const found = await calls[order.call](clients.get(order.recipe), order.model);
    process.stdout.write(JSON.stringify(found) + "\n");
  } catch (error) {
    process.stdout.write(JSON.stringify({ error: { kind: error.constructor.name, status: error.status ?? error.statusCode,
                                                   message: String(error.message ?? error) } }) + "\n");
  }
}
