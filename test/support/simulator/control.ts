import * as z from "zod";
import { type Behaviour, ScriptedFault } from "./fault.ts";
import type { FaultScript } from "./fault-script.ts";
import type { RequestLog } from "./request-log.ts";

export interface Controlled {
  readonly script: FaultScript;
  readonly log: RequestLog;
  readonly release: () => void;
  readonly reset: () => void;
}

export interface ControlReply {
  readonly status: number;
  readonly body: unknown;
}

const place = z.union([z.literal("request"), z.literal("headers"), z.int().min(0)]);
const behaviour: z.ZodType<Behaviour> = z
  .strictObject({
    status: z.int(),
    page: z.object({ status: z.int(), contentType: z.string(), body: z.string() }),
    headers: z.record(z.string(), z.string()),
    resetAfter: place,
    holdAfter: place,
    endAfter: place,
    withoutEnd: z.boolean(),
    withoutFinish: z.boolean(),
    pings: z.int(),
    insert: z.object({ after: z.int(), data: z.string() }),
    errorAfter: z.object({ place: z.int(), status: z.int() }),
    slices: z.object({ bytes: z.int(), lineEnding: z.enum(["\n", "\r\n", "\r"]), byteOrderMark: z.boolean() }),
    hugeLineBytes: z.int(),
    endless: z.boolean(),
    usage: z.union([
      z.object({ kind: z.enum(["true", "none", "twice", "early"]) }),
      z.object({ kind: z.literal("absurd"), value: z.union([z.number(), z.string(), z.null()]) }),
    ]),
    gzipBombBytes: z.int(),
    empty: z.boolean(),
    text: z.string(),
  })
  .partial()
  // zod writes `undefined` into the type of an optional field; JSON has no such value to bring in.
  .transform((parsed) => parsed as Behaviour);

const order = z.object({
  provider: z.string().optional(),
  model: z.string().optional(),
  always: z.boolean().default(false),
  times: z.int().min(1).default(1),
  behaviour,
});

/**
 * Steers the simulator from another process: `POST /__faults` {provider | model, behaviour, times, always},
 * `POST /__release`, `POST /__reset`, `GET /__requests`.
 */
export function control(method: string, path: string, text: string, controlled: Controlled): ControlReply {
  switch (`${method} ${path}`) {
    case "POST /__faults":
      return addFault(text, controlled.script);
    case "POST /__release":
      controlled.release();
      return { status: 200, body: {} };
    case "POST /__reset":
      controlled.reset();
      return { status: 200, body: {} };
    case "GET /__requests":
      return { status: 200, body: controlled.log.all.map((request) => request.summary) };
    default:
      return { status: 404, body: { error: "POST /__faults, /__release or /__reset, or GET /__requests" } };
  }
}

function addFault(text: string, script: FaultScript): ControlReply {
  const parsed = order.safeParse(JSON.parse(text));
  if (!parsed.success) return { status: 400, body: { error: z.prettifyError(parsed.error) } };
  const { provider, model, always, times, behaviour: wanted } = parsed.data;
  const scripted = new ScriptedFault(wanted, times);
  if (model !== undefined) script.forModel(model, scripted);
  else if (provider === undefined) return { status: 400, body: { error: "provider or model is missing" } };
  else if (always) script.always(provider, scripted);
  else script.next(provider, scripted);
  return { status: 200, body: {} };
}
