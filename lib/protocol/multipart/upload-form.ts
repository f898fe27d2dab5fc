import { GatewayError } from "../../errors/gateway-error.ts";
import { assertNothingSmuggled } from "../forbidden-fields.ts";
import type { JsonObject } from "../json.ts";
import { AUDIO_HEAD_BYTES } from "../tasks/audio-duration.ts";
import type { FormEvent } from "./form-events.ts";
import { type PartHead, writePartHead } from "./part-head.ts";

/** What of a form is to be otherwise where it goes. */
export interface FormEdits {
  /** Field -> its new value. */
  readonly replace: Readonly<Record<string, string>>;
  readonly drop: readonly string[];
}

export interface EncodedForm {
  readonly contentType: string;
  readonly bytes: AsyncIterable<Uint8Array>;
}

const UTF8 = new TextEncoder();
/** Holds no state between calls: it is never used in streaming mode. */
const UTF8_TEXT = new TextDecoder();

/**
 * A form on its way through: read as far as somebody needs to see, the rest passed on as it arrives
 * (docs/decisions/0015). What has been read is let go once it is sent, unless `keep` was called before.
 */
export class UploadForm {
  readonly #source: AsyncIterator<FormEvent>;
  /** What has been read from the source, from `#first` on. */
  #events: FormEvent[] = [];
  #first = 0;
  #kept = false;
  #sent = false;
  #complete = false;
  #reading: Promise<boolean> | null = null;
  readonly #fields = new Map<string, string>();
  readonly #files: PartHead[] = [];
  #fileHead = new Uint8Array();
  #fileBytes = 0;
  #failure: GatewayError | null = null;
  #refused: readonly string[] = [];

  constructor(events: AsyncIterable<FormEvent>) {
    this.#source = events[Symbol.asyncIterator]();
  }

  /**
   * Reads until `enough` says so, or to the end.
   * @throws GatewayError what is wrong with the form or its arrival
   */
  async readUntil(enough: (form: UploadForm) => boolean): Promise<void> {
    while (!enough(this) && (await this.#readMore()));
  }

  /** The heads of the files that have been met, in order. */
  get files(): readonly PartHead[] {
    return this.#files;
  }

  /** The first bytes of the first file, as many as a format is told by. */
  get fileHead(): Uint8Array {
    return this.#fileHead;
  }

  /** Bytes of all files so far. */
  get fileBytes(): number {
    return this.#fileBytes;
  }

  /** Why the form could not be read to its end, once that is so: then it is the client who failed, not a provider. */
  get failure(): GatewayError | null {
    return this.#failure;
  }

  /** A field that has been met; of a repeated one the last. */
  field(name: string): string | undefined {
    return this.#fields.get(name);
  }

  fields(): JsonObject {
    return Object.fromEntries(this.#fields);
  }

  /** Parts of these names can no longer be followed: one that is still to come makes the form fail. */
  refuseFromNow(names: readonly string[]): void {
    this.#refused = names;
  }

  /** From now on what was read stays, so that the form can be sent more than once. */
  keep(): void {
    this.#kept = true;
  }

  /** False once it has been sent and was not kept. */
  get canBeSent(): boolean {
    return this.#kept || !this.#sent;
  }

  /**
   * What the form says, whatever its boundary: its fields as they are and its files by their digest. Reads and keeps all of it.
   * @throws GatewayError what is wrong with the form or its arrival
   */
  async content(): Promise<string> {
    this.keep();
    await this.readUntil(() => false);
    const parts: string[] = [];
    let pieces: Uint8Array<ArrayBuffer>[] = [];
    const endFile = async () => {
      if (pieces.length === 0) return;
      const digest = await crypto.subtle.digest("SHA-256", await new Blob(pieces).arrayBuffer());
      parts.push(Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join(""));
      pieces = [];
    };
    for (const event of this.#events) {
      if (event.kind === "bytes") pieces.push(Uint8Array.from(event.bytes));
      else {
        await endFile();
        parts.push(JSON.stringify([event.head, event.kind === "field" ? UTF8_TEXT.decode(event.value) : null]));
      }
    }
    await endFile();
    return parts.join("\n");
  }

  /** The form anew, under a boundary of its own and with nothing in it that its parts do not need. */
  encode(edits: FormEdits): EncodedForm {
    const boundary = `gangway-${crypto.randomUUID()}`;
    this.#sent = true;
    return { contentType: `multipart/form-data; boundary=${boundary}`, bytes: this.#encoded(edits, boundary) };
  }

  async *#encoded(edits: FormEdits, boundary: string): AsyncGenerator<Uint8Array> {
    let skipping = false;
    let begun = false;
    for (let index = 0; ; index++) {
      const event = await this.#at(index);
      if (event === null) break;
      if (event.kind === "bytes") {
        if (!skipping) yield event.bytes;
        continue;
      }
      skipping = edits.drop.includes(event.head.name);
      if (skipping) continue;
      yield UTF8.encode(`${begun ? "\r\n" : ""}--${boundary}\r\n${writePartHead(event.head)}\r\n\r\n`);
      begun = true;
      if (event.kind === "field") {
        const replaced = edits.replace[event.head.name];
        yield replaced === undefined ? event.value : UTF8.encode(replaced);
      }
    }
    yield UTF8.encode(`${begun ? "\r\n" : ""}--${boundary}--\r\n`);
  }

  /** The event of that number, read if need be; null after the last. */
  async #at(index: number): Promise<FormEvent | null> {
    while (index >= this.#first + this.#events.length) {
      if (!(await this.#readMore())) return null;
    }
    const event = this.#events[index - this.#first];
    if (event === undefined) throw new Error("A form that was not kept was sent twice.");
    if (!this.#kept) {
      this.#events.splice(0, index - this.#first + 1);
      this.#first = index + 1;
    }
    return event;
  }

  /** True when there was more. One reading at a time, whoever waits for it. */
  #readMore(): Promise<boolean> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  async #read(): Promise<boolean> {
    if (this.#failure !== null) throw this.#failure;
    if (this.#complete) return false;
    try {
      const next = await this.#source.next();
      if (next.done === true) {
        this.#complete = true;
        return false;
      }
      this.#take(next.value);
      return true;
    } catch (error) {
      this.#failure =
        error instanceof GatewayError
          ? error
          : new GatewayError("invalid_request", "The body broke off before its end.", { cause: error });
      throw this.#failure;
    }
  }

  /**
   * Held against every part as it comes, in whatever notation: a form is passed on before all of it is there.
   * @throws GatewayError `forbidden_field`, `unsupported_parameter`
   */
  #assertAllowed({ name }: PartHead): void {
    const [param = name] = name.split("[");
    assertNothingSmuggled({ [param]: name });
    if (!this.#refused.includes(param)) return;
    throw new GatewayError("unsupported_parameter", `${param} must come before the file.`, { param });
  }

  #take(event: FormEvent): void {
    if (event.kind !== "bytes") this.#assertAllowed(event.head);
    this.#events.push(event);
    if (event.kind === "field") this.#fields.set(event.head.name, UTF8_TEXT.decode(event.value));
    else if (event.kind === "file") this.#files.push(event.head);
    else {
      this.#fileBytes += event.bytes.byteLength;
      if (this.#files.length === 1 && this.#fileHead.byteLength < AUDIO_HEAD_BYTES) {
        const head = new Uint8Array(this.#fileHead.byteLength + event.bytes.byteLength);
        head.set(this.#fileHead);
        head.set(event.bytes, this.#fileHead.byteLength);
        this.#fileHead = head.slice(0, AUDIO_HEAD_BYTES);
      }
    }
  }
}
