import { findIdentityOfKey } from "../accounts/account-store.ts";
import { assertNotExpired, assertNotSuspended, type Identity } from "../accounts/identity.ts";
import {
  activeBatchIds,
  type Batch,
  beginBatch,
  beginFinalizing,
  claimLine,
  completeBatch,
  failBatch,
  failOpenLines,
  findBatch,
  finishedLines,
  finishLine,
  putBackLine,
} from "../batches/batch-store.ts";
import { findFile, readPieces, writeFile } from "../batches/file-store.ts";
import { readBatchLines } from "../batches/validate-batch.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import type { Gateway } from "../inference/gateway.ts";
import type { Ports } from "../ports/ports.ts";
import { runBatchLine } from "./run-batch-line.ts";

/** Lines of one batch that run at a time, whoever runs them. */
const LINES_AT_ONCE = 8;
/** A worker that says nothing for longer than a request may take has died, and another takes its lines. */
const LEASE_SECONDS = 720;
const MAX_BATCHES_A_SLICE = 50;

/**
 * Goes on with every batch that is not done, for a slice of time; what is left is the next slice's, or another worker's.
 * @returns how many batches were looked at
 */
export async function runBatches(gateway: Gateway, ports: Ports, sliceMs: number): Promise<number> {
  const untilMs = ports.clock.now() + sliceMs;
  const ids = await activeBatchIds(ports, MAX_BATCHES_A_SLICE);
  await Promise.all(ids.map((id) => runBatch(gateway, ports, id, untilMs)));
  return ids.length;
}

/** Goes on with one batch until it is done, waits for others, or its slice is over. Never rejects. */
export async function runBatch(gateway: Gateway, ports: Ports, id: string, untilMs: number): Promise<void> {
  try {
    while (await step(gateway, ports, id, untilMs)) {
      if (ports.clock.now() >= untilMs) return;
    }
  } catch (error) {
    // The next slice begins where this one ended: every step is written before the next.
    ports.log.warn("batch_slice_failed", { batchId: id, reason: error instanceof Error ? error.name : "unknown" });
  }
}

/** One step of a batch. False: there is nothing more to do now. */
async function step(gateway: Gateway, ports: Ports, id: string, untilMs: number): Promise<boolean> {
  const batch = await findBatch(ports, id, null);
  switch (batch?.status) {
    case "validating":
      await validate(gateway, ports, batch);
      return true;
    case "in_progress":
      return runLines(gateway, ports, batch, untilMs);
    case "cancelling":
      await failOpenLines(ports, id, {
        code: "batch_cancelled",
        message: "The batch was cancelled before this request.",
      });
      return beginFinalizing(ports, id, "cancelling", "cancelled");
    case "finalizing":
      await writeResults(gateway, ports, batch);
      return false;
    case "failed":
    case "completed":
    case "expired":
    case "cancelled":
    case undefined:
      return false;
  }
}

async function validate(
  gateway: Gateway,
  ports: Ports,
  { id, accountId, inputFileId, endpoint }: Batch,
): Promise<void> {
  const file = await findFile(ports, accountId, inputFileId);
  if (file === null) {
    const error = {
      code: "file_not_found",
      line: null,
      message: "The input file was deleted.",
      param: "input_file_id",
    };
    return failBatch(ports, id, [error]);
  }
  let text = "";
  for await (const piece of readPieces(ports, gateway.secrets, inputFileId)) text += piece;
  const read = readBatchLines(text, endpoint, gateway.configuration.maxBodyBytes);
  if ("errors" in read) await failBatch(ports, id, read.errors);
  else await beginBatch(ports, gateway.secrets, id, read.requests);
}

async function runLines(gateway: Gateway, ports: Ports, batch: Batch, untilMs: number): Promise<boolean> {
  if (batch.expired) {
    const message = "The batch's time of 24 hours was over before this request.";
    await failOpenLines(ports, batch.id, { code: "batch_expired", message });
    return beginFinalizing(ports, batch.id, "in_progress", "expired");
  }
  const identity = await callerOf(ports, batch);
  if (identity instanceof GatewayError) {
    await failOpenLines(ports, batch.id, { code: identity.code, message: identity.message });
  } else {
    await Promise.all(Array.from({ length: LINES_AT_ONCE }, () => worker(gateway, ports, batch, identity, untilMs)));
  }
  return beginFinalizing(ports, batch.id, "in_progress", "completed");
}

/** Whose batch it is; or why it may not go on: the key that made it is gone, or the account stopped. */
async function callerOf(ports: Ports, { keyId }: Batch): Promise<Identity | GatewayError> {
  const identity = await findIdentityOfKey(ports.database, keyId);
  if (identity === null) return new GatewayError("invalid_api_key", "The key that made this batch was revoked.");
  try {
    assertNotExpired(identity, ports.clock.now());
    assertNotSuspended(identity);
    return identity;
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
}

/** Takes line after line until none is left, or the slice is over. */
async function worker(
  gateway: Gateway,
  ports: Ports,
  batch: Batch,
  identity: Identity,
  untilMs: number,
): Promise<void> {
  const { secrets } = gateway;
  while (ports.clock.now() < untilMs) {
    const line = await claimLine(ports, secrets, batch.id, LINES_AT_ONCE, LEASE_SECONDS);
    if (line === null) return;
    const outcome = await runBatchLine(gateway, ports, identity, batch.endpoint, line);
    switch (outcome.kind) {
      case "finished":
        await finishLine(ports, secrets, line, outcome.state, outcome.text);
        break;
      case "again":
        await putBackLine(ports, line, outcome.afterSeconds, outcome);
        break;
      case "ends-batch":
        await finishLine(ports, secrets, line, "failed", outcome.text);
        await failOpenLines(ports, batch.id, { code: outcome.error.code, message: outcome.error.message });
        return;
    }
  }
}

/** Writes the files, each under an id of the batch's own, so that a second writing changes nothing. */
async function writeResults(gateway: Gateway, ports: Ports, batch: Batch): Promise<void> {
  const { counts, id } = batch;
  const bare = id.replace("batch_", "");
  const outputFileId = counts.completed > 0 ? `file-${bare}out` : null;
  const errorFileId = counts.failed > 0 ? `file-${bare}err` : null;
  const write = async (fileId: string | null, state: "answered" | "failed", name: string) => {
    if (fileId === null) return;
    const file = {
      id: fileId,
      accountId: batch.accountId,
      purpose: "batch_output",
      filename: `${id}_${name}.jsonl`,
    } as const;
    await writeFile(ports, gateway.secrets, file, resultPieces(gateway, ports, id, state));
  };
  await write(outputFileId, "answered", "output");
  await write(errorFileId, "failed", "error");
  await completeBatch(ports, batch, { outputFileId, errorFileId });
}

async function* resultPieces(
  gateway: Gateway,
  ports: Ports,
  batchId: string,
  state: "answered" | "failed",
): AsyncGenerator<string> {
  let number = 0;
  for await (const lines of finishedLines(ports, gateway.secrets, batchId, state)) {
    yield lines
      .map(({ customId, result, failure }) => {
        number += 1;
        const id = `batch_req_${batchId.replace("batch_", "")}${number}`;
        return `${result ?? JSON.stringify({ id, custom_id: customId, response: null, error: failure })}\n`;
      })
      .join("");
  }
}
