import type { Consumption } from "../../money/task-cost.ts";
import type { JsonObject } from "../json.ts";
import type { UploadForm } from "../multipart/upload-form.ts";

/** What is asked of a model besides chat; also the names of what a provider's declaration says it can do. */
export type TaskName =
  | "embeddings"
  | "moderations"
  | "rerank"
  | "images"
  | "image_edits"
  | "audio_transcription"
  | "audio_translation"
  | "audio_speech";

/** A validated request of one task, in OpenAI's format (rerank: in Cohere's, which everybody has adopted). */
export interface ParsedTask {
  readonly format: TaskFormat;
  /** As the client named it. */
  readonly model: string;
  readonly payload: TaskPayload;
  /** What it may come to at the most, as far as can be said before it is done: the hold is made of it. */
  readonly estimate: Consumption;
  /** Tokens of its longest input by the estimate (CM-14.1), held against the model's context; 0: nothing to hold. */
  readonly longestInputTokens: number;
  /** What it came to by our own count, asked when it is done: charged where the provider reports nothing. */
  metered(): Consumption;
}

type TaskPayload =
  | { readonly kind: "json"; readonly text: string; readonly body: JsonObject }
  | { readonly kind: "form"; readonly form: UploadForm };

/** Of one event of a streamed reply: what it reports of itself, and whether the answer has all that it must with it. */
export interface TaskEvent {
  readonly consumed: Consumption | null;
  readonly completes: boolean;
}

/** A task as clients ask for it. */
export interface TaskFormat {
  readonly name: TaskName;
  /** Where it is asked for, here and, below its base URL, at a provider of OpenAI's format: `/images/edits`. */
  readonly path: string;
  /** A reply that is text or bytes rather than JSON may be one of this task's. */
  readonly repliesOtherwise: "text" | "bytes" | null;
  /** True when the hold is made of 1.1 times the estimate (spec facts, sections 1 and 11). */
  readonly holdsTenthMore: boolean;
  /** True for a JSON reply that has what its clients look for; anything else is no answer. */
  isReply(body: JsonObject): boolean;
  /** What a JSON reply says was consumed; null: it says nothing. Counts that cannot be are NaN. */
  readConsumed(body: JsonObject, call: ParsedTask): Consumption | null;
  /** Reads the events of one streamed reply, in their order. */
  eventReader(call: ParsedTask): EventReader;
  /** The reply's text as this client asked for it, where providers differ; most come as they are. */
  adapt?(text: string, body: JsonObject, call: ParsedTask): string;
}

type EventReader = (event: JsonObject) => TaskEvent;

const NO_EVENT: TaskEvent = { consumed: null, completes: false };

/** For tasks whose replies are not streamed. */
export function readsNoEvents(): EventReader {
  return () => NO_EVENT;
}

/** The body of a JSON call; that of a form's is its fields. */
export function fieldOf(call: ParsedTask, name: string): unknown {
  return call.payload.kind === "json" ? call.payload.body[name] : call.payload.form.field(name);
}
