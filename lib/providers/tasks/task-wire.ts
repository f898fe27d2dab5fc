import type { GatewayError } from "../../errors/gateway-error.ts";
import type { Consumption } from "../../money/task-cost.ts";
import type { UpstreamRequest } from "../../ports/upstream.ts";
import type { JsonObject } from "../../protocol/json.ts";
import type { ParsedTask } from "../../protocol/tasks/task.ts";
import type { EncodeInput } from "../wire-format.ts";

export interface TaskEncodeInput extends Pick<EncodeInput, "provider" | "baseUrl" | "nativeModel"> {
  readonly call: ParsedTask;
}

export interface EncodedTask {
  /** Without credentials. */
  readonly request: UpstreamRequest;
  readonly ignoredParameters: readonly string[];
}

/** A JSON reply as its client gets it. */
export interface TaskAnswer {
  readonly text: string;
  /** What the provider reports; null: nothing. */
  readonly consumed: Consumption | null;
}

/** How a provider is asked for one task, or for several alike. */
export interface TaskWire {
  /** Why this provider cannot do what is asked, though it does the task; null: it can. */
  refusal(call: ParsedTask, nativeModel: string): GatewayError | null;
  encode(input: TaskEncodeInput): EncodedTask;
  /** A whole JSON reply; null for one that is no answer. */
  decodeReply(body: JsonObject, text: string, call: ParsedTask): TaskAnswer | null;
  /** True where a reply that is no JSON is passed through as it comes: a stream, a recording, subtitles. */
  readonly passesThrough: boolean;
}
