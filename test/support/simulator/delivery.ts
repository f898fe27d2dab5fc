import type { ServerResponse } from "node:http";
import { setImmediate } from "node:timers/promises";
import { createGzip } from "node:zlib";
import { bedrockEvent, bedrockException } from "../event-stream-bytes.ts";
import type { Behaviour, Place } from "./fault.ts";
import type { StreamEvent, WireReply } from "./stream-event.ts";
import { errorOfStatus, type VendorError, type WireName } from "./vendor-errors.ts";

/** The place where a held reply waits, and those who wait for it to be reached. */
export interface Gate {
  /** Resolves when the test releases the reply or its client leaves. */
  wait(): Promise<void>;
}

export interface Delivery {
  readonly response: ServerResponse;
  readonly wire: WireName;
  readonly behaviour: Behaviour;
  readonly gate: Gate;
}

/** Sends a vendor's error, with the headers that the fault adds. */
export function deliverError({ response, behaviour }: Delivery, error: VendorError): void {
  response.writeHead(error.status, { "content-type": error.contentType, ...behaviour.headers });
  response.end(error.body);
}

/** True when the fault has answered in the reply's stead. */
export async function deliverFault(delivery: Delivery): Promise<boolean> {
  const { response, wire, behaviour } = delivery;
  if (!(await pass(delivery, "request"))) return true;
  if (behaviour.status !== undefined) {
    deliverError(delivery, errorOfStatus(wire, behaviour.status));
  } else if (behaviour.page !== undefined) {
    deliverError(delivery, { ...behaviour.page, contentType: asContentType(behaviour.page.contentType) });
  } else if (behaviour.empty === true) {
    response.writeHead(200, { "content-type": "application/json", ...behaviour.headers }).end();
  } else if (behaviour.gzipBombBytes !== undefined) {
    await deliverGzipBomb(response, behaviour.gzipBombBytes);
  } else {
    return false;
  }
  return true;
}

function asContentType(name: string): VendorError["contentType"] {
  // Node writes any string as a header's value; the type names the two that vendors' errors have.
  return name as VendorError["contentType"];
}

async function deliverGzipBomb(response: ServerResponse, bytes: number): Promise<void> {
  response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" });
  const gzip = createGzip();
  gzip.pipe(response);
  const blanks = Buffer.alloc(1024 * 1024, " ");
  for (let sent = 0; sent < bytes && !response.destroyed; sent += blanks.length) {
    await new Promise((resolve) => gzip.write(blanks, resolve));
  }
  gzip.end();
}

export async function deliverWhole(delivery: Delivery, reply: WireReply): Promise<void> {
  const { response, behaviour } = delivery;
  const headers = { "content-type": "application/json", ...reply.headers, ...behaviour.headers };
  const cut = [behaviour.resetAfter, behaviour.holdAfter, behaviour.endAfter].some((place) => place !== undefined);
  if (!cut) {
    response.writeHead(200, { ...headers, "content-length": Buffer.byteLength(reply.whole) }).end(reply.whole);
    return;
  }
  response.writeHead(200, headers).flushHeaders();
  if (!(await pass(delivery, "headers"))) return;
  const middle = Math.floor(reply.whole.length / 2);
  await write(response, reply.whole.slice(0, middle));
  const place = [behaviour.resetAfter, behaviour.holdAfter, behaviour.endAfter].find((one) => typeof one === "number");
  if (place !== undefined && !(await pass(delivery, place))) return;
  response.end(reply.whole.slice(middle));
}

const STREAM_TYPES: Readonly<Partial<Record<WireName, string>>> = {
  anthropic: "text/event-stream; charset=utf-8",
  bedrock: "application/vnd.amazon.eventstream",
};

export async function deliverStream(delivery: Delivery, reply: WireReply): Promise<void> {
  const { response, wire, behaviour } = delivery;
  response.writeHead(200, {
    "content-type": STREAM_TYPES[wire] ?? "text/event-stream",
    "cache-control": "no-cache",
    ...reply.headers,
    ...behaviour.headers,
  });
  response.flushHeaders();
  const writer = new EventWriter(delivery);
  for (let ping = 0; ping < (behaviour.pings ?? 0); ping += 1) await writer.ping();
  if (!(await pass(delivery, "headers"))) return;
  let contents = 0;
  for (const event of reply.events) {
    if (behaviour.withoutEnd === true && event.kind === "done") continue;
    if (behaviour.withoutFinish === true && event.kind === "finish") continue;
    await writer.event(event);
    if (event.kind !== "content") continue;
    contents += 1;
    if (contents === 1 && behaviour.hugeLineBytes !== undefined) await writer.hugeLine(behaviour.hugeLineBytes);
    if (contents === 1 && behaviour.endless === true) await writer.repeat(event);
    if (behaviour.insert?.after === contents) await writer.data(behaviour.insert.data);
    if (behaviour.errorAfter?.place === contents) return await writer.errorAndEnd(behaviour.errorAfter.status);
    if (!(await pass(delivery, contents))) return;
  }
  if (behaviour.errorAfter?.place === 0) return;
  response.end();
}

/** False when the reply is over at this place. */
async function pass({ response, behaviour, gate }: Delivery, place: Place): Promise<boolean> {
  if (behaviour.holdAfter === place) {
    await gate.wait();
    if (response.destroyed) return false;
  }
  if (behaviour.resetAfter === place) {
    // A reset overtakes what the client has not read yet. So that it always sees what was sent before, the connection
    // then ends with FIN in the middle of the reply, unless a hold has given the client the time to read.
    if (place === "request" || behaviour.holdAfter === place) response.socket?.resetAndDestroy();
    else await hangUp(response);
    return false;
  }
  if (behaviour.endAfter !== place) return true;
  if (place === "request") response.destroy();
  else response.end();
  return false;
}

/** Ends the connection after what was written, without the reply's own end. */
async function hangUp(response: ServerResponse): Promise<void> {
  await setImmediate(); // Node keeps a reply's first pieces back until the end of the turn
  response.socket?.end();
}

/** API_runtime_ConverseStream.html: what a status is called inside a stream. */
const EXCEPTIONS: Readonly<Record<number, string>> = {
  400: "validationException",
  429: "throttlingException",
  503: "serviceUnavailableException",
};
/** Cohere ends a stream that failed as it ends any other. */
const COHERE_FAILURE = '{"type":"message-end","delta":{"finish_reason":"ERROR","error":"internal error"}}';

const DEFAULT_SLICES = { bytes: 0, lineEnding: "\n", byteOrderMark: false } as const;

class EventWriter {
  readonly #delivery: Delivery;
  #started = false;

  constructor(delivery: Delivery) {
    this.#delivery = delivery;
  }

  async event(event: StreamEvent): Promise<void> {
    const { behaviour } = this.#delivery;
    if (behaviour.errorAfter?.place === 0 && event.kind === "content") {
      return await this.errorAndEnd(behaviour.errorAfter.status);
    }
    if (this.#delivery.wire === "bedrock") return await this.#send(bedrockEvent(event.name ?? "", event.data));
    if (event.kind === "ping" && event.name === null) return await this.#write(`: ${event.data}\n\n`);
    const name = event.name === null ? "" : `event: ${event.name}\n`;
    await this.#write(`${name}data: ${event.data}\n\n`);
  }

  async data(data: string): Promise<void> {
    if (this.#delivery.wire === "bedrock") return await this.#send(bedrockEvent("contentBlockDelta", data));
    await this.#write(`data: ${data}\n\n`);
  }

  async ping(): Promise<void> {
    const anthropic = this.#delivery.wire === "anthropic";
    await this.#write(anthropic ? 'event: ping\ndata: {"type": "ping"}\n\n' : ": keep-alive\n\n");
  }

  async hugeLine(bytes: number): Promise<void> {
    await this.#write('data: {"padding":"');
    const piece = "x".repeat(64 * 1024);
    for (let sent = 0; sent < bytes && !this.#delivery.response.destroyed; sent += piece.length)
      await this.#write(piece);
    await this.#write('"}\n\n');
  }

  async repeat(event: StreamEvent): Promise<void> {
    let released = false;
    this.#delivery.gate.wait().then(() => {
      released = true;
    }, undefined);
    while (!released && !this.#delivery.response.destroyed) {
      await this.event(event);
      await setImmediate();
    }
  }

  async errorAndEnd(status: number): Promise<void> {
    const { wire, response } = this.#delivery;
    const { body } = errorOfStatus(wire, status);
    // Vendors write the error's JSON on one line, whatever its layout in a reply of its own is.
    const data = JSON.stringify(JSON.parse(body));
    if (wire === "bedrock") await this.#send(bedrockException(EXCEPTIONS[status] ?? "internalServerException", data));
    else if (wire === "cohere") await this.#write(`event: message-end\ndata: ${COHERE_FAILURE}\n\n`);
    else await this.#write(`${wire === "anthropic" ? "event: error\n" : ""}data: ${data}\n\n`);
    response.end();
  }

  async #write(text: string): Promise<void> {
    const { response, behaviour, wire } = this.#delivery;
    if (response.writableEnded || response.destroyed) return;
    // Google ends its lines with CRLF.
    const slices = behaviour.slices ?? { ...DEFAULT_SLICES, lineEnding: wire === "gemini" ? "\r\n" : "\n" };
    const mark = slices.byteOrderMark && !this.#started ? "\u{feff}" : "";
    this.#started = true;
    await this.#send(Buffer.from(mark + text.replaceAll("\n", slices.lineEnding)));
  }

  async #send(bytes: Uint8Array): Promise<void> {
    const { response, behaviour } = this.#delivery;
    if (response.writableEnded || response.destroyed) return;
    const slices = behaviour.slices ?? DEFAULT_SLICES;
    if (slices.bytes <= 0) return await write(response, bytes);
    for (let at = 0; at < bytes.length && !response.destroyed; at += slices.bytes) {
      await write(response, bytes.subarray(at, at + slices.bytes));
      await setImmediate();
    }
  }
}

/** Waits while the client does not read, and no longer than it stays. */
async function write(response: ServerResponse, piece: string | Uint8Array): Promise<void> {
  if (response.destroyed || response.write(piece)) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.once("drain", done).once("close", done);
  });
}
