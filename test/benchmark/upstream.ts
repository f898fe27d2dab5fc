import { createServer, type Socket } from "node:net";
import { EVENTS_PER_STREAM } from "./upstream-replies.ts";

/**
 * The provider behind every target: a raw socket server that answers fixed bytes in OpenAI's wire shape, so that it
 * is never the bottleneck. Paths: `/v1/chat/completions` answers whole or, when the body asks for a stream, with
 * 104 events at once; a body that contains `slow` streams one event each 100 ms for 60 s.
 */
const REPLY = JSON.stringify({
  id: "chatcmpl-bench0000000000000000000",
  object: "chat.completion",
  created: 1_767_000_000,
  model: "gpt-4o-mini-2024-07-18",
  choices: [
    {
      index: 0,
      message: {
        role: "assistant",
        content: "All is quiet on the quay tonight; the boats are in and the lamps are lit. ".repeat(4),
        refusal: null,
      },
      logprobs: null,
      finish_reason: "stop",
    },
  ],
  usage: {
    prompt_tokens: 24,
    completion_tokens: 72,
    total_tokens: 96,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  },
  service_tier: "default",
  system_fingerprint: "fp_bench",
});
const WHOLE = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(REPLY)}\r\n\r\n${REPLY}`,
);

function event(delta: object, finishReason: string | null): string {
  const chunk = {
    id: "chatcmpl-bench0000000000000000000",
    object: "chat.completion.chunk",
    created: 1_767_000_000,
    model: "gpt-4o-mini-2024-07-18",
    service_tier: "default",
    system_fingerprint: "fp_bench",
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
    usage: null,
  };
  return `data: ${JSON.stringify(chunk)}\n\n`;
}

const CONTENT_EVENT = event({ content: " quiet" }, null);
const USAGE_EVENT = `data: ${JSON.stringify({
  id: "chatcmpl-bench0000000000000000000",
  object: "chat.completion.chunk",
  created: 1_767_000_000,
  model: "gpt-4o-mini-2024-07-18",
  choices: [],
  usage: { prompt_tokens: 24, completion_tokens: 100, total_tokens: 124, prompt_tokens_details: { cached_tokens: 0 } },
})}\n\n`;

function chunked(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

const STREAM_HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const STREAM_START = event({ role: "assistant", content: "", refusal: null }, null);
const STREAM_END = `${event({}, "stop")}${USAGE_EVENT}data: [DONE]\n\n`;
const STREAM = Buffer.from(
  `${STREAM_HEAD}${chunked(STREAM_START + CONTENT_EVENT.repeat(EVENTS_PER_STREAM - 4) + STREAM_END)}0\r\n\r\n`,
);

const SLOW_EVENTS = 600;
const SLOW_INTERVAL_MS = 100;

function streamSlowly(socket: Socket): void {
  socket.write(STREAM_HEAD + chunked(STREAM_START));
  let sent = 0;
  const timer = setInterval(() => {
    sent += 1;
    if (sent < SLOW_EVENTS) socket.write(chunked(CONTENT_EVENT));
    else {
      clearInterval(timer);
      socket.write(`${chunked(STREAM_END)}0\r\n\r\n`);
    }
  }, SLOW_INTERVAL_MS);
  socket.once("close", () => clearInterval(timer));
}

function answer(socket: Socket, body: string): void {
  if (!/"stream":\s*true/.test(body)) socket.write(WHOLE);
  else if (body.includes("slow")) streamSlowly(socket);
  else socket.write(STREAM);
}

const server = createServer({ noDelay: true }, (socket) => {
  let text = "";
  socket.on("error", () => {});
  socket.on("data", (bytes) => {
    text += bytes.toString("latin1");
    for (;;) {
      const headEnd = text.indexOf("\r\n\r\n");
      if (headEnd < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(text.slice(0, headEnd))?.[1] ?? 0);
      if (text.length < headEnd + 4 + length) return;
      answer(socket, text.slice(headEnd + 4, headEnd + 4 + length));
      text = text.slice(headEnd + 4 + length);
    }
  });
});
server.listen(Number(process.env["PORT"] ?? 0), "127.0.0.1", () => {
  const address = server.address();
  process.stdout.write(`${typeof address === "object" ? address?.port : ""}\n`);
});
