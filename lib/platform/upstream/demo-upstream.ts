import type { CallUpstream, UpstreamReply } from "../../ports/upstream.ts";

const NOTICE = "This is gangway/echo, the built-in demo. No model is behind it. You said: ";

/** Answers calls to the demo provider inside the process, in OpenAI's format; every other call goes out. */
export function withDemoUpstream(callUpstream: CallUpstream, demoBaseUrl: string): CallUpstream {
  return (request, signal) =>
    request.url.startsWith(demoBaseUrl)
      ? Promise.resolve(demoReply(typeof request.body === "string" ? request.body : "{}"))
      : callUpstream(request, signal);
}

function demoReply(body: string): UpstreamReply {
  // The gateway has validated what the client sent before it came here.
  const request = JSON.parse(body) as {
    readonly stream?: boolean;
    readonly messages?: readonly { readonly content?: unknown }[];
  };
  const answer = NOTICE + textOf(request.messages?.at(-1)?.content);
  const promptTokens = Math.ceil(body.length / 4);
  const completionTokens = Math.ceil(answer.length / 4);
  const usage = {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
  const head = { id: `chatcmpl-${crypto.randomUUID()}`, created: Math.floor(Date.now() / 1000), model: "echo" };
  return request.stream === true
    ? replyOf("text/event-stream", streamed(head, answer, usage))
    : replyOf("application/json", whole(head, answer, usage));
}

function whole(head: object, content: string, usage: object): string {
  const choice = {
    index: 0,
    message: { role: "assistant", content, refusal: null },
    logprobs: null,
    finish_reason: "stop",
  };
  return JSON.stringify({ ...head, object: "chat.completion", choices: [choice], usage });
}

function streamed(head: object, content: string, usage: object): string {
  const chunk = (delta: object, finish: string | null) => ({
    ...head,
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
  });
  const words = content.split(/(?<= )/).map((word) => chunk({ content: word }, null));
  const events = [
    chunk({ role: "assistant", content: "" }, null),
    ...words,
    chunk({}, "stop"),
    { ...chunk({}, null), choices: [], usage },
  ];
  return `${events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("")}data: [DONE]\n\n`;
}

/** A message's text: a string, or the text parts of a list. */
function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part: unknown) => (typeof part === "object" && part !== null ? String(Reflect.get(part, "text") ?? "") : ""))
    .join("");
}

function replyOf(contentType: string, text: string): UpstreamReply {
  const pieces = async function* () {
    yield new TextEncoder().encode(text);
  };
  return {
    status: 200,
    header: (name) => (name === "content-type" ? contentType : null),
    body: { [Symbol.asyncIterator]: pieces, text: () => Promise.resolve(text), cancel: () => {} },
  };
}
