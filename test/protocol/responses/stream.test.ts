import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { GatewayError } from "../../../lib/errors/gateway-error.ts";
import type { ChatEvent } from "../../../lib/protocol/chat-event.ts";
import { createResponsesStreamDecoder } from "../../../lib/protocol/responses/decode-stream.ts";
import { createResponsesStreamEncoder } from "../../../lib/protocol/responses/encode-stream.ts";
import { responsesFormat } from "../../../lib/protocol/responses/responses-format.ts";
import { createSseParser } from "../../../lib/protocol/sse/sse-parser.ts";
import { callOf } from "../../support/replay-stream.ts";
import { CONTEXT, eventsOf, USAGE } from "../reply-context.ts";

const fixture = (name: string) => readFileSync(`test/fixtures/responses/${name}.sse`, "utf8");
const framesOf = (text: string) => createSseParser().push(new TextEncoder().encode(text));

/** Events of a stream as a client sees them: the type, and what tells one from the next. */
function story(sse: string): readonly string[] {
  return eventsOf(sse).map(({ name, data }) => {
    expect(data["type"]).toBe(name);
    const what = data["delta"] ?? data["text"] ?? data["refusal"] ?? data["arguments"] ?? "";
    const place = data["output_index"] === undefined ? "" : ` ${data["output_index"]}`;
    return `${name.replace("response.", "")}${place}${what === "" ? "" : ` ${what}`}`;
  });
}

function encoded(events: readonly ChatEvent[]): string {
  const encoder = createResponsesStreamEncoder(CONTEXT);
  return events.map((event) => encoder.push(event)).join("") + encoder.finish(USAGE);
}

const finish = (reason: (ChatEvent & { kind: "finish" })["reason"]): ChatEvent => ({
  kind: "finish",
  choice: 0,
  reason,
  nativeReason: null,
  stopSequence: null,
});

describe("events become a stream of responses", () => {
  test("thoughts, texts and parallel calls whose arguments come in turns", () => {
    const sse = encoded([
      { kind: "start", id: "x", model: "m" },
      { kind: "reasoning", choice: 0, text: "Hm" },
      { kind: "reasoning", choice: 0, text: "m." },
      { kind: "reasoning-signature", choice: 0, signature: "c2ln" },
      { kind: "text", choice: 0, text: "Look" },
      { kind: "text", choice: 1, text: "not for this format" },
      { kind: "tool-start", choice: 0, tool: 0, id: "call_a", name: "f" },
      { kind: "tool-start", choice: 0, tool: 1, id: "call_b", name: "g", signature: "U2ln" },
      { kind: "tool-arguments", choice: 0, tool: 1, json: "{" },
      { kind: "tool-arguments", choice: 0, tool: 0, json: '{"a":1}' },
      { kind: "tool-arguments", choice: 0, tool: 1, json: "}" },
      finish("tool_calls"),
    ]);
    expect(story(sse)).toEqual([
      "created",
      "in_progress",
      "output_item.added 0",
      "reasoning_summary_part.added 0",
      "reasoning_summary_text.delta 0 Hm",
      "reasoning_summary_text.delta 0 m.",
      "reasoning_summary_text.done 0 Hmm.",
      "reasoning_summary_part.done 0",
      "output_item.done 0",
      "output_item.added 1",
      "content_part.added 1",
      "output_text.delta 1 Look",
      "output_text.done 1 Look",
      "content_part.done 1",
      "output_item.done 1",
      "output_item.added 2",
      "output_item.added 3",
      "function_call_arguments.delta 3 {",
      'function_call_arguments.delta 2 {"a":1}',
      "function_call_arguments.delta 3 }",
      'function_call_arguments.done 2 {"a":1}',
      "output_item.done 2",
      "function_call_arguments.done 3 {}",
      "output_item.done 3",
      "completed",
    ]);
    const events = eventsOf(sse);
    expect(events.map(({ data }) => data["sequence_number"])).toEqual(events.map((_, index) => index));
    expect(events.at(-1)?.data["response"]).toMatchObject({
      status: "completed",
      model: "vendor/model",
      output: [
        { type: "reasoning", summary: [{ type: "summary_text", text: "Hmm." }], encrypted_content: "gw1:signed:c2ln" },
        { type: "message", role: "assistant", content: [{ type: "output_text", text: "Look", annotations: [] }] },
        { type: "function_call", call_id: "call_a", name: "f", arguments: '{"a":1}', status: "completed" },
        { type: "function_call", call_id: "call_b", extra_content: { google: { thought_signature: "U2ln" } } },
      ],
      usage: {
        input_tokens: 17,
        input_tokens_details: { cached_tokens: 4, cache_write_tokens: 3 },
        output_tokens: 8,
        output_tokens_details: { reasoning_tokens: 3 },
        total_tokens: 25,
        cost: 0.0015,
      },
    });
  });

  test("a refusal and a citation have events of their own", () => {
    const citation = { type: "url_citation", url_citation: { url: "https://a.example", title: "A" } };
    const sse = encoded([
      { kind: "text", choice: 0, text: "See" },
      { kind: "citation", choice: 0, citation },
      { kind: "refusal", choice: 0, text: "No." },
      finish("stop"),
    ]);
    expect(story(sse).slice(4, -1)).toEqual([
      "output_text.delta 0 See",
      "output_text.annotation.added 0",
      "output_text.done 0 See",
      "content_part.done 0",
      "content_part.added 0",
      "refusal.delta 0 No.",
      "refusal.done 0 No.",
      "content_part.done 0",
      "output_item.done 0",
    ]);
    const annotation = { type: "url_citation", url: "https://a.example", title: "A", start_index: 0, end_index: 3 };
    expect(eventsOf(sse).at(-1)?.data["response"]).toMatchObject({
      output: [{ content: [{ annotations: [annotation] }, { type: "refusal", refusal: "No." }] }],
    });
  });

  test.each([
    ["length", { status: "incomplete", incomplete_details: { reason: "max_output_tokens" } }],
    ["content_filter", { status: "incomplete", incomplete_details: { reason: "content_filter" } }],
    ["error", { status: "failed", error: { code: "server_error" } }],
    ["pause", { status: "completed", error: null }],
  ] as const)("a finish for %s", (reason, response) => {
    const last = eventsOf(encoded([{ kind: "text", choice: 0, text: "Hi" }, finish(reason)])).at(-1);
    expect(last?.data).toMatchObject({ type: `response.${response.status}`, response });
  });

  test("a failure closes what is open, is thrown by clients as an error, and ends the response", () => {
    const encoder = createResponsesStreamEncoder(CONTEXT);
    encoder.push({ kind: "text", choice: 0, text: "Half" });
    const sse = encoder.fail(new GatewayError("provider_rate_limited", "Too many."), "req_1");
    expect(story(sse)).toEqual([
      "output_text.done 0 Half",
      "content_part.done 0",
      "output_item.done 0",
      "error",
      "failed",
    ]);
    const [error, failed] = eventsOf(sse).slice(-2);
    expect(error?.data).toMatchObject({
      code: "provider_rate_limited",
      error: { message: "Too many.", request_id: "req_1" },
    });
    expect(failed?.data["response"]).toMatchObject({
      status: "failed",
      error: { code: "rate_limit_exceeded", message: "Too many." },
      output: [{ status: "incomplete", content: [{ text: "Half" }] }],
    });
  });
});

describe("a provider's own stream passes", () => {
  const format = responsesFormat(() => {});
  const passed = (name: string, context = CONTEXT) => {
    const replies: string[] = [];
    const passthrough = responsesFormat((text) => replies.push(text)).createStreamPassthrough(context);
    const decoder = createResponsesStreamDecoder();
    let sse = "";
    for (const frame of framesOf(fixture(name))) sse += passthrough.push(frame, decoder.push(frame));
    return { sse, passthrough, replies };
  };

  test("with its bytes, but for the cost in the last event's usage", () => {
    const { sse, passthrough, replies } = passed("openai-reasoning");
    const priced = fixture("openai-reasoning").replace('"total_tokens":52}', '"total_tokens":52,"cost":0.0015}');
    expect(sse + passthrough.finish(USAGE)).toBe(priced);
    expect(replies).toHaveLength(1);
    expect(JSON.parse(replies[0] ?? "")).toMatchObject({ status: "completed", usage: { cost: 0.0015 } });
  });

  test("and names the response that the client went on from", () => {
    const { sse } = passed("openai-tool", { ...CONTEXT, request: { previous_response_id: "resp_before" } });
    const heads = eventsOf(sse).flatMap(({ data }) => (data["response"] === undefined ? [] : [data["response"]]));
    expect(heads).toHaveLength(3);
    for (const head of heads) expect(head).toMatchObject({ previous_response_id: "resp_before" });
  });

  test("an end without usage waits for what was metered", () => {
    const replies: string[] = [];
    const passthrough = responsesFormat((text) => replies.push(text)).createStreamPassthrough(CONTEXT);
    const decoder = createResponsesStreamDecoder();
    const text = fixture("openai-tool").replace(/"usage":\{.*?\}\}?,"user"/, '"usage":null,"user"');
    const bare = text.replace(/"usage":\{"input_tokens":61.*"total_tokens":79\}/, '"usage":null');
    let sse = "";
    for (const frame of framesOf(bare)) sse += passthrough.push(frame, decoder.push(frame));
    expect(story(sse).at(-1)).toBe("output_item.done 0");
    expect(eventsOf(passthrough.finish(USAGE))[0]?.data).toMatchObject({
      type: "response.completed",
      response: { usage: { input_tokens: 17, cost: 0.0015 } },
    });
    expect(replies).toHaveLength(1);
  });

  test("cut by us, it ends as incomplete with all that was said", () => {
    const passthrough = format.createStreamPassthrough(CONTEXT);
    const decoder = createResponsesStreamDecoder();
    const frames = framesOf(fixture("openai-reasoning"));
    const upTo = frames.findIndex(({ data }) => data?.includes('"delta":" water"') === true) + 1;
    for (const frame of frames.slice(0, upTo)) passthrough.push(frame, decoder.push(frame));
    const [end] = eventsOf(passthrough.cut(USAGE));
    expect(end?.data).toMatchObject({
      type: "response.incomplete",
      sequence_number: upTo,
      response: {
        id: "resp_0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f607182",
        status: "incomplete",
        incomplete_details: { reason: "max_output_tokens" },
        output: [
          { type: "reasoning" },
          { status: "incomplete", content: [{ type: "output_text", text: "High water" }] },
        ],
        usage: { output_tokens: 8, cost: 0.0015 },
      },
    });
  });

  test("broken off, it ends as failed with the provider's own ids", () => {
    const { passthrough } = passed("openai-tool");
    const events = eventsOf(passthrough.fail(new GatewayError("stream_truncated", "Broke off."), "req_1"));
    expect(events.map(({ name }) => name)).toEqual(["error", "response.failed"]);
    expect(events[1]?.data["response"]).toMatchObject({
      id: "resp_0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f607182",
      status: "failed",
      output: [{ type: "function_call", arguments: '{"port":"Cork"}' }],
    });
  });

  test("its events are read: thoughts, the seal, texts, calls, usage, the end", () => {
    const decode = (name: string) => {
      const decoder = createResponsesStreamDecoder();
      return framesOf(fixture(name)).flatMap((frame) => decoder.push(frame));
    };
    const events = decode("openai-reasoning");
    const textOf = (kind: "text" | "reasoning") =>
      events.map((event) => (event.kind === kind ? event.text : "")).join("");
    expect(textOf("reasoning")).toBe("**Checking the tide**\n\nIt turns at six.");
    expect(textOf("text")).toBe("High water at 06:12.");
    expect(events.slice(-3)).toMatchObject([
      { kind: "usage", usage: { inputUncached: 31, output: 8, reasoning: 13 } },
      { kind: "finish", reason: "stop" },
      { kind: "end" },
    ]);
    const called = decode("openai-tool");
    expect(called.find(({ kind }) => kind === "tool-start")).toMatchObject({ name: "get_tide", tool: 0 });
    expect(called.find(({ kind }) => kind === "finish")).toMatchObject({ reason: "tool_calls" });
    expect(decode("openai-error").find(({ kind }) => kind === "error")).toMatchObject({ status: 502 });
  });
});

describe("what only its own provider can serve", () => {
  const ask = (body: object) =>
    callOf(
      responsesFormat(() => {}),
      { model: "m", input: "Hi", ...body },
    ).onlyNative?.param;
  test.each([
    ["a tool that runs there", { tools: [{ type: "web_search" }] }, "tools[0].type"],
    [
      "a tool in a grammar",
      {
        tools: [
          { type: "function", name: "f" },
          { type: "custom", name: "g" },
        ],
      },
      "tools[1].type",
    ],
    [
      "an item of such a tool",
      { input: [{ role: "user", content: "Hi" }, { type: "web_search_call" }] },
      "input[1].type",
    ],
    [
      "a file by its id",
      { input: [{ role: "user", content: [{ type: "input_file", file_id: "file-1" }] }] },
      "input[0].content[0].file_id",
    ],
  ])("%s", (_, body, param) => expect(ask(body)).toBe(param));
  test("functions and data are for all", () => {
    expect(ask({ tools: [{ type: "function", name: "f" }] })).toBeUndefined();
  });
});
