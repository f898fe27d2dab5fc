import { echo, GatewayError } from "../errors/gateway-error.ts";
import { sleep, withDeadline } from "../ports/clock.ts";
import type { Ports } from "../ports/ports.ts";
import type { JsonObject } from "../protocol/json.ts";
import { spliceJson } from "../protocol/json-splice.ts";
import { inputItems, itemType, referencedIds } from "../protocol/responses/input-items.ts";
import { outputOf, readItems, readResponse, type StoredResponse } from "../responses/response-store.ts";
import type { Gateway } from "./gateway.ts";
import type { InferenceCall } from "./inference-call.ts";

type ResponsesCall = Omit<InferenceCall, "format">;

/** A response is written after its reply has gone out: a client that is faster than that finds it a moment later. */
const LOOK_AGAIN_AFTER_MS = [0, 100, 400];
/** What ids of responses look like, ours and OpenAI's: nothing else can be on its way. */
const RESPONSE_ID = /^resp_[\w-]{8,200}$/;
const READ_DEADLINE_MS = 3_000;

/**
 * The call with what it refers to in its input: the conversation of `previous_response_id`, and items that are named by
 * their ids only. A call that refers to nothing is given back as it is, without a look into the database.
 * @throws GatewayError `previous_response_not_found`, `invalid_value` for an unknown item, `storage_unavailable`
 */
export async function withHistory(
  gateway: Gateway,
  ports: Ports,
  accountId: string,
  call: ResponsesCall,
): Promise<ResponsesCall> {
  const { body } = call;
  const previousId = body["previous_response_id"];
  const references = referencedIds(body["input"]);
  const goesOn = typeof previousId === "string" && previousId !== "";
  if (!goesOn && references.length === 0) return call;
  const previous = goesOn ? await previousResponse(gateway, ports, accountId, previousId) : null;
  const earlier = previous === null ? [] : [...previous.input, ...outputOf(previous.responseText)];
  const known = references.length === 0 ? new Map() : await referenced(gateway, ports, accountId, references);
  const own = inputItems(body["input"]).map((item, index) => resolved(item, index, known));
  const input = [...earlier, ...own];
  return { ...call, body: { ...body, input }, text: spliceJson(call.text, { input: JSON.stringify(input) }) };
}

/**
 * The account's response of this id, looked for again while it may still be on its way into the database.
 * @throws GatewayError `storage_unavailable`
 */
export async function findResponse(
  gateway: Gateway,
  ports: Ports,
  accountId: string,
  id: string,
): Promise<StoredResponse | null> {
  const access = { database: ports.database, secrets: gateway.secrets };
  if (!RESPONSE_ID.test(id)) return null;
  for (const waitMs of LOOK_AGAIN_AFTER_MS) {
    if (waitMs > 0) await sleep(ports.clock, waitMs);
    const found = await reading(ports, readResponse(access, accountId, id));
    if (found !== null) return found;
  }
  return null;
}

async function previousResponse(
  gateway: Gateway,
  ports: Ports,
  accountId: string,
  id: string,
): Promise<StoredResponse> {
  const found = await findResponse(gateway, ports, accountId, id);
  if (found !== null) return found;
  throw new GatewayError("previous_response_not_found", `There is no response ${echo(id)}, or it was not kept.`, {
    param: "previous_response_id",
  });
}

function referenced(
  gateway: Gateway,
  ports: Ports,
  accountId: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, JsonObject>> {
  return reading(ports, readItems({ database: ports.database, secrets: gateway.secrets }, accountId, ids));
}

function resolved(item: JsonObject, index: number, known: ReadonlyMap<string, JsonObject>): JsonObject {
  if (itemType(item) !== "item_reference") return item;
  const found = typeof item["id"] === "string" ? known.get(item["id"]) : undefined;
  if (found !== undefined) return found;
  throw new GatewayError("invalid_value", "There is no such item, or its response was not kept.", {
    param: `input[${index}].id`,
  });
}

/** A read that the call cannot do without: it fails closed. */
export async function reading<Result>(ports: Pick<Ports, "clock">, promise: Promise<Result>): Promise<Result> {
  const late = () => new Error("The database did not answer in time.");
  try {
    return await withDeadline(ports.clock, promise, READ_DEADLINE_MS, late);
  } catch (cause) {
    throw new GatewayError("storage_unavailable", "Stored responses cannot be read at the moment. Try again.", {
      cause,
      retryAfterSeconds: 5,
    });
  }
}
