import * as z from "zod";
import {
  deleteFile,
  findFile,
  listFiles,
  newFileId,
  piecesOf,
  readPieces,
  type StoredFile,
  writeFile,
} from "../../lib/batches/file-store.ts";
import { GatewayError } from "../../lib/errors/gateway-error.ts";
import { accountOf, identifyCaller } from "../_http/caller.ts";
import { jsonRoute } from "../_http/json-route.ts";
import { readUpload } from "../_http/read-upload.ts";
import type { Exchange, Route } from "../_http/route.ts";

const MAX_PAGE = 1_000;
const MAX_NAME_CHARACTERS = 200;

/** A file object as the types of openai-node 7.57.0 have it. */
const file = z.object({
  id: z.string(),
  object: z.literal("file"),
  bytes: z.int(),
  created_at: z.int(),
  filename: z.string(),
  purpose: z.enum(["batch", "batch_output"]),
  status: z.literal("processed"),
});

function render({ id, bytes, createdAtMs, filename, purpose }: StoredFile): z.infer<typeof file> {
  const created_at = Math.floor(createdAtMs / 1000);
  return { id, object: "file", bytes, created_at, filename, purpose, status: "processed" };
}

const create: Route = {
  method: "POST",
  path: "/v1/files",
  policy: "key",
  documentation: {
    tag: "Batches",
    summary: "Uploads a file of requests, as multipart/form-data",
    description: "Fields: `purpose` (`batch`) and `file`, a JSON Lines file in UTF-8.",
    reply: file,
  },
  handle: async ({ gateway, ports, request, requestId }) => {
    const caller = await identifyCaller(gateway, ports, "key", request.headers);
    const accountId = accountOf(caller, undefined);
    const upload = await readUpload(request, gateway.configuration.maxFileBytes);
    const purpose = upload.field("purpose");
    if (purpose === null) throw new GatewayError("missing_field", "purpose is required.", { param: "purpose" });
    if (purpose !== "batch") {
      throw new GatewayError("invalid_enum", "Only files for batches are kept: purpose must be batch.", {
        param: "purpose",
      });
    }
    if (upload.file === null) throw new GatewayError("missing_field", "file is required.", { param: "file" });
    const filename = upload.file.name.replace(/[^\w. -]/g, "_").slice(0, MAX_NAME_CHARACTERS) || "file.jsonl";
    const terms = { id: newFileId(), accountId, purpose: "batch", filename } as const;
    const stored = await writeFile(ports, gateway.secrets, terms, piecesOf(textOf(upload.file.bytes)));
    return Response.json(render(stored), { headers: { "cache-control": "no-store", "x-request-id": requestId } });
  },
};

function textOf(bytes: Uint8Array<ArrayBuffer>): string {
  if (bytes.byteLength === 0) throw new GatewayError("empty_body", "The file is empty.", { param: "file" });
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new GatewayError("invalid_encoding", "The file is not valid UTF-8.", { param: "file" });
  }
}

const list = jsonRoute({
  method: "GET",
  path: "/v1/files",
  policy: "key",
  documentation: { tag: "Batches", summary: "The account's files" },
  query: z.object({
    limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(MAX_PAGE),
    after: z.string().max(100).optional(),
    order: z.enum(["asc", "desc"]).default("desc"),
    purpose: z.string().max(64).optional(),
  }),
  reply: z.object({
    object: z.literal("list"),
    data: z.array(file),
    has_more: z.boolean(),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
  }),
  answer: async ({ ports, caller, query }) => {
    const { limit, after = null, order, purpose = null } = query;
    const page = { limit: limit + 1, after, order, purpose };
    const found = await listFiles(ports, accountOf(caller, undefined), page);
    return { object: "list" as const, ...pageOf(found.map(render), limit) };
  },
});

/** One more than asked for tells whether there is another page. */
export function pageOf<Item extends { readonly id: string }>(items: readonly Item[], limit: number) {
  const data = items.slice(0, limit);
  return { data, has_more: items.length > limit, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
}

async function ownFile({ ports, parameter }: Exchange, accountId: string): Promise<StoredFile> {
  const found = await findFile(ports, accountId, parameter("file_id"));
  if (found === null) throw noFile();
  return found;
}

function noFile(): GatewayError {
  return new GatewayError("not_found", "There is no such file.", { param: "file_id" });
}

const retrieve = jsonRoute({
  method: "GET",
  path: "/v1/files/{file_id}",
  policy: "key",
  documentation: { tag: "Batches", summary: "One file" },
  reply: file,
  answer: async (call) => render(await ownFile(call, accountOf(call.caller, undefined))),
});

const remove = jsonRoute({
  method: "DELETE",
  path: "/v1/files/{file_id}",
  policy: "key",
  documentation: { tag: "Batches", summary: "Deletes a file" },
  reply: z.object({ id: z.string(), object: z.literal("file"), deleted: z.literal(true) }),
  answer: async ({ ports, caller, parameter }) => {
    const id = parameter("file_id");
    if (!(await deleteFile(ports, accountOf(caller, undefined), id))) throw noFile();
    return { id, object: "file" as const, deleted: true as const };
  },
});

const content: Route = {
  method: "GET",
  path: "/v1/files/{file_id}/content",
  policy: "key",
  documentation: { tag: "Batches", summary: "What a file holds", reply: "application/jsonl" },
  handle: async (exchange) => {
    const { gateway, ports, request, requestId } = exchange;
    const caller = await identifyCaller(gateway, ports, "key", request.headers);
    const { id, bytes } = await ownFile(exchange, accountOf(caller, undefined));
    const pieces = readPieces(ports, gateway.secrets, id);
    const encoder = new TextEncoder();
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const next = await pieces.next();
          if (next.done === true) controller.close();
          else controller.enqueue(encoder.encode(next.value));
        },
      },
      { highWaterMark: 0 },
    );
    return new Response(body, {
      headers: {
        "content-type": "application/jsonl",
        "content-length": String(bytes),
        "cache-control": "no-store",
        "x-request-id": requestId,
      },
    });
  },
};

export const FILE_ROUTES: readonly Route[] = [create, list, retrieve, remove, content];
