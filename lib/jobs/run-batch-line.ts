import type { Identity } from "../accounts/identity.ts";
import type { ClaimedLine } from "../batches/batch-store.ts";
import { baseOf, readBalance, refundInPostgres } from "../billing/ledger-store.ts";
import { refreshMirror } from "../billing/reserve-credits.ts";
import { anthropicErrorBody, openAiErrorBody } from "../errors/error-bodies.ts";
import type { ErrorCode } from "../errors/error-catalog.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import type { Gateway } from "../inference/gateway.ts";
import { onceKeyOf } from "../inference/idempotency-key.ts";
import type { InferenceCall, InferenceReply } from "../inference/inference-call.ts";
import { runInference } from "../inference/pipeline.ts";
import { runResponses } from "../inference/run-responses.ts";
import type { Ports } from "../ports/ports.ts";
import { anthropicMessagesFormat } from "../protocol/anthropic/messages-format.ts";
import type { ClientFormat } from "../protocol/client-format.ts";
import { parseJsonBody } from "../protocol/json-body.ts";
import { openAiChatFormat } from "../protocol/openai/chat-format.ts";

type LineCall = Omit<InferenceCall, "format" | "protocolHeaders">;

interface BatchEndpoint {
  readonly errorBody: (error: GatewayError, requestId: string) => object;
  readonly run: (gateway: Gateway, ports: Ports, call: LineCall) => Promise<InferenceReply>;
}

const inFormat =
  (format: ClientFormat): BatchEndpoint["run"] =>
  (gateway, ports, call) =>
    runInference(gateway, ports, { ...call, format, protocolHeaders: format.readProtocolHeaders(new Headers()) });

/** What a batch may be of, by route. */
export const BATCH_ENDPOINTS: Readonly<Record<string, BatchEndpoint>> = {
  "/v1/chat/completions": { errorBody: openAiErrorBody, run: inFormat(openAiChatFormat) },
  "/v1/responses": {
    errorBody: openAiErrorBody,
    run: (gateway, ports, call) => runResponses(gateway, ports, { ...call, protocolHeaders: {} }),
  },
  "/v1/messages": { errorBody: anthropicErrorBody, run: inFormat(anthropicMessagesFormat) },
};

/** As OpenAI's and Anthropic's own batches do: half of what a direct call costs. */
const PRICE_PERCENT = 50;
const MAX_TRIES = 6;
/** For a run that is still at it somewhere, or died and is not swept yet. */
const STILL_RUNNING_SECONDS = 30;
/** No line of the batch would fare better. */
const ENDS_BATCH: readonly ErrorCode[] = ["insufficient_credits", "account_in_debt", "account_suspended"];

/** What came of one line. */
export type LineOutcome =
  /** `text`: a line of the output file, or of the error file. */
  | { readonly kind: "finished"; readonly state: "answered" | "failed"; readonly text: string }
  | { readonly kind: "again"; readonly afterSeconds: number; readonly anew: boolean; readonly counts: boolean }
  /** This line failed, and the others would for the same reason. */
  | { readonly kind: "ends-batch"; readonly text: string; readonly error: GatewayError };

/**
 * Makes the call of one line, at half the price and once: its request id is the line's own, so that a worker that died
 * with it has at the most left a charge, which is given back before the line is asked anew.
 */
export async function runBatchLine(
  gateway: Gateway,
  ports: Ports,
  identity: Identity,
  endpoint: string,
  line: ClaimedLine,
): Promise<LineOutcome> {
  const route = BATCH_ENDPOINTS[endpoint];
  if (route === undefined) throw new Error(`A batch of ${endpoint}, which is no endpoint of batches.`);
  const once = await lineKeyOf(gateway, identity.accountId, endpoint, line);
  const failedOf = (error: GatewayError) => {
    const requestId = error.requestId ?? once.id;
    return lineText(line, error.status, requestId, JSON.stringify(route.errorBody(error, requestId)));
  };
  const owed: Promise<unknown>[] = [];
  const own: Ports = { ...ports, background: (task) => ports.background(noted(owed, task)) };
  try {
    const reply = await route.run(gateway, own, {
      credential: "",
      onBehalf: { identity, pricePercent: PRICE_PERCENT, once },
      text: line.body,
      body: parseJsonBody(line.body),
      requestId: once.id,
      idempotency: null,
      signal: null,
    });
    if (typeof reply.body !== "string") throw new Error("A line of a batch was answered with a stream.");
    const text = lineText(line, reply.status, reply.headers["x-request-id"] ?? once.id, reply.body);
    // An answer counts once its charge is written: a worker that dies between the two would have given it away.
    await Promise.allSettled(owed);
    return { kind: "finished", state: "answered", text };
  } catch (thrown) {
    const error = thrown instanceof GatewayError ? thrown : internal(ports, line, thrown);
    if (error.code === "idempotency_in_progress") {
      return { kind: "again", afterSeconds: STILL_RUNNING_SECONDS, anew: false, counts: false };
    }
    if (error.code === "idempotency_completed") return giveBack(ports, identity.accountId, error);
    if (ENDS_BATCH.includes(error.code)) return { kind: "ends-batch", text: failedOf(error), error };
    if (isWorthAnotherTry(error) && line.tries < MAX_TRIES) {
      const afterSeconds = Math.max(2 ** line.tries, Math.ceil(error.retryAfterSeconds ?? 0));
      return { kind: "again", afterSeconds, anew: false, counts: true };
    }
    return { kind: "finished", state: "failed", text: failedOf(error) };
  }
}

function noted<Task>(tasks: Task[], task: Task): Task {
  tasks.push(task);
  return task;
}

/** A line's id does not depend on the day: it is charged once however long its batch runs. */
async function lineKeyOf(gateway: Gateway, accountId: string, endpoint: string, line: ClaimedLine) {
  const { batchId, position, generation, body } = line;
  const name = `batch\n${batchId}\n${position}\n${generation}`;
  const key = await onceKeyOf(gateway, { clock: ETERNITY }, accountId, name, `${endpoint}\n${body}`);
  return { ...key, previousId: key.id };
}

const ETERNITY = { now: () => 0, monotonicMs: () => 0, schedule: () => () => {} };

function isWorthAnotherTry({ status, code }: GatewayError): boolean {
  return status === 429 || status >= 500 || code === "credits_held";
}

function internal(ports: Ports, { batchId, position }: ClaimedLine, thrown: unknown): GatewayError {
  ports.log.error("batch_line_failed", thrown, { batchId, position });
  return new GatewayError("internal_error", "Something went wrong in the gateway.", { cause: thrown });
}

/** The line was answered and charged, and its answer is lost with the worker that had it: nobody pays for that. */
async function giveBack(ports: Ports, accountId: string, error: GatewayError): Promise<LineOutcome> {
  await refundInPostgres(ports.database, String(error.requestId), "batch answer lost");
  const balance = await readBalance(ports.database, accountId);
  if (balance !== null) await refreshMirror(ports, accountId, String(baseOf(balance)), balance.version);
  return { kind: "again", afterSeconds: 0, anew: true, counts: true };
}

/** On one line: in JSON a line end is never but between its parts. */
function lineText({ customId }: ClaimedLine, status: number, requestId: string, body: string): string {
  const id = `batch_req_${requestId.replace(/^req_/, "")}`;
  return `{"id":${JSON.stringify(id)},"custom_id":${JSON.stringify(customId)},"response":{"status_code":${status},"request_id":${JSON.stringify(requestId)},"body":${body.replace(/[\r\n]+/g, " ")}},"error":null}`;
}
