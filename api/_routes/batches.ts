import * as z from "zod";
import { type Batch, cancelBatch, createBatch, findBatch, listBatches } from "../../lib/batches/batch-store.ts";
import { findFile } from "../../lib/batches/file-store.ts";
import { GatewayError } from "../../lib/errors/gateway-error.ts";
import { BATCH_ENDPOINTS } from "../../lib/jobs/run-batch-line.ts";
import { runBatch } from "../../lib/jobs/run-batches.ts";
import { accountOf, type Caller } from "../_http/caller.ts";
import { jsonRoute } from "../_http/json-route.ts";
import type { Exchange, Route } from "../_http/route.ts";
import { pageOf } from "./files.ts";

const MAX_PAGE = 100;
/** What is left after it goes on with cron: background work at the edge is given half a minute. */
const KICK_MS = 20_000;

const seconds = z.int().nullable();
const batch = z.object({
  id: z.string(),
  object: z.literal("batch"),
  endpoint: z.string(),
  errors: z.unknown().describe("What is wrong with the file, line by line, of a batch that failed"),
  input_file_id: z.string(),
  completion_window: z.literal("24h"),
  status: z.enum([
    "validating",
    "failed",
    "in_progress",
    "finalizing",
    "completed",
    "expired",
    "cancelling",
    "cancelled",
  ]),
  output_file_id: z.string().nullable(),
  error_file_id: z.string().nullable(),
  created_at: seconds,
  in_progress_at: seconds,
  expires_at: seconds,
  finalizing_at: seconds,
  completed_at: seconds,
  failed_at: seconds,
  expired_at: seconds,
  cancelling_at: seconds,
  cancelled_at: seconds,
  request_counts: z.object({ total: z.int(), completed: z.int(), failed: z.int() }),
  metadata: z.unknown(),
});

function render(found: Batch): z.infer<typeof batch> {
  return {
    id: found.id,
    object: "batch",
    endpoint: found.endpoint,
    errors: found.errors ?? null,
    input_file_id: found.inputFileId,
    completion_window: "24h",
    status: found.status,
    output_file_id: found.outputFileId,
    error_file_id: found.errorFileId,
    ...found.times,
    request_counts: found.counts,
    metadata: found.metadata ?? null,
  };
}

/** Goes on with a batch behind the reply. */
function kick({ gateway, ports }: Exchange, id: string): void {
  ports.background(runBatch(gateway, ports, id, ports.clock.now() + KICK_MS));
}

async function ownBatch({ ports, parameter }: Exchange, caller: Caller): Promise<Batch> {
  const found = await findBatch(ports, parameter("batch_id"), accountOf(caller, undefined));
  if (found === null) throw new GatewayError("not_found", "There is no such batch.", { param: "batch_id" });
  return found;
}

const DONE: readonly Batch["status"][] = ["failed", "completed", "expired", "cancelled"];

const create = jsonRoute({
  method: "POST",
  path: "/v1/batches",
  policy: "key",
  documentation: {
    tag: "Batches",
    summary: "Runs a file of requests within 24 hours, at half the price",
    description:
      "Each line of the file is `{custom_id, method, url, body}`; the results are files of lines in the same notation as OpenAI's. The key that made a batch is the one that its requests run as.",
    exampleBody: { input_file_id: "file-0123", endpoint: "/v1/chat/completions", completion_window: "24h" },
  },
  body: z.looseObject({
    input_file_id: z.string().min(1).max(100),
    endpoint: z.enum(Object.keys(BATCH_ENDPOINTS) as [string, ...string[]]), // the table is never empty
    completion_window: z.literal("24h"),
    metadata: z
      .record(z.string().max(64), z.string().max(512))
      .refine((entries) => Object.keys(entries).length <= 16, "may have at most 16 keys")
      .nullish(),
  }),
  reply: batch,
  answer: async (call) => {
    const { ports, caller, body } = call;
    const accountId = accountOf(caller, undefined);
    const file = await findFile(ports, accountId, body.input_file_id);
    if (file === null) throw new GatewayError("not_found", "There is no such file.", { param: "input_file_id" });
    if (file.purpose !== "batch") {
      const message = "A batch's results cannot be run: input_file_id must be a file that was uploaded for batches.";
      throw new GatewayError("invalid_value", message, { param: "input_file_id" });
    }
    const id = `batch_${crypto.randomUUID().replaceAll("-", "")}`;
    await createBatch(ports, {
      id,
      accountId,
      keyId: caller.kind === "key" ? caller.identity.keyId : "",
      endpoint: body.endpoint,
      inputFileId: file.id,
      metadata: body.metadata ?? null,
    });
    const made = await findBatch(ports, id, accountId);
    if (made === null) throw new Error("A batch that was just made is not there.");
    kick(call, id);
    return render(made);
  },
});

const list = jsonRoute({
  method: "GET",
  path: "/v1/batches",
  policy: "key",
  documentation: { tag: "Batches", summary: "The account's batches, newest first" },
  query: z.object({
    limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(20),
    after: z.string().max(100).optional(),
  }),
  reply: z.object({
    object: z.literal("list"),
    data: z.array(batch),
    has_more: z.boolean(),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
  }),
  answer: async ({ ports, caller, query: { limit, after = null } }) => {
    const found = await listBatches(ports, accountOf(caller, undefined), { limit: limit + 1, after });
    return { object: "list" as const, ...pageOf(found.map(render), limit) };
  },
});

const retrieve = jsonRoute({
  method: "GET",
  path: "/v1/batches/{batch_id}",
  policy: "key",
  documentation: {
    tag: "Batches",
    summary: "One batch",
    description: "Asking for a batch that is not done also goes on with it.",
  },
  reply: batch,
  answer: async (call) => {
    const found = await ownBatch(call, call.caller);
    if (!DONE.includes(found.status)) kick(call, found.id);
    return render(found);
  },
});

const cancel = jsonRoute({
  method: "POST",
  path: "/v1/batches/{batch_id}/cancel",
  policy: "key",
  documentation: {
    tag: "Batches",
    summary: "Cancels a batch",
    description: "Requests that run are finished; their results and the others' errors are written.",
  },
  reply: batch,
  answer: async (call) => {
    const { id, accountId, status } = await ownBatch(call, call.caller);
    if (DONE.includes(status)) {
      throw new GatewayError("invalid_value", `A batch that is ${status} cannot be cancelled.`, { param: "batch_id" });
    }
    await cancelBatch(call.ports, id, accountId);
    kick(call, id);
    return render(await ownBatch(call, call.caller));
  },
});

export const BATCH_ROUTES: readonly Route[] = [create, list, retrieve, cancel];
