import { readFileSync } from "node:fs";
import { crc32 } from "node:zlib";

/** One message of application/vnd.amazon.eventstream, written from its description rather than by the library that reads it. */
function eventStreamMessage(headers: Readonly<Record<string, string>>, body: string): Uint8Array {
  const payload = Buffer.from(body);
  const head = Buffer.concat(Object.entries(headers).map(([name, value]) => stringHeader(name, value)));
  const length = 12 + head.length + payload.length + 4;
  const prelude = Buffer.alloc(8);
  prelude.writeUInt32BE(length, 0);
  prelude.writeUInt32BE(head.length, 4);
  const checked = Buffer.concat([prelude, uint32(crc32(prelude)), head, payload]);
  return Buffer.concat([checked, uint32(crc32(checked))]);
}

/** An event as Bedrock sends it. */
export function bedrockEvent(type: string, body: string): Uint8Array {
  const headers = { ":event-type": type, ":content-type": "application/json", ":message-type": "event" };
  return eventStreamMessage(headers, body);
}

/** An exception inside a stream. */
export function bedrockException(type: string, body: string): Uint8Array {
  const headers = { ":exception-type": type, ":content-type": "application/json", ":message-type": "exception" };
  return eventStreamMessage(headers, body);
}

/** A recorded stream, a line an event, as the bytes that Bedrock sends. */
export function bedrockStream(file: string): Uint8Array {
  const lines = readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "");
  const events = lines.map((line) => {
    const { event, data } = JSON.parse(line);
    return bedrockEvent(String(event), JSON.stringify(data));
  });
  return new Uint8Array(Buffer.concat(events));
}

/** A name and a value of type 7, a string. */
function stringHeader(name: string, value: string): Uint8Array {
  const [nameBytes, valueBytes] = [Buffer.from(name), Buffer.from(value)];
  const size = Buffer.alloc(2);
  size.writeUInt16BE(valueBytes.length);
  return Buffer.concat([Buffer.from([nameBytes.length]), nameBytes, Buffer.from([7]), size, valueBytes]);
}

function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
