import { assertNotSuspended } from "../accounts/identity.ts";
import type { Ports } from "../ports/ports.ts";
import { memberText } from "../protocol/json-splice.ts";
import { inputItems } from "../protocol/responses/input-items.ts";
import { withItemIds } from "../protocol/responses/item-ids.ts";
import { responsesFormat } from "../protocol/responses/responses-format.ts";
import { storeResponse } from "../responses/response-store.ts";
import { authenticate } from "./authenticate.ts";
import type { Gateway } from "./gateway.ts";
import type { InferenceCall, InferenceReply } from "./inference-call.ts";
import { runInference } from "./pipeline.ts";
import { withHistory } from "./response-history.ts";

type ResponsesCall = Omit<InferenceCall, "format">;

/**
 * One call of OpenAI's responses: what it goes on from is put into its input, then it is a call like any other, and what it
 * was answered is kept afterwards unless it said `store: false`.
 * @throws GatewayError whatever refuses the call before it is answered
 */
export async function runResponses(gateway: Gateway, ports: Ports, asked: ResponsesCall): Promise<InferenceReply> {
  const identity =
    asked.onBehalf?.identity ?? (await authenticate(gateway, ports, asked.credential, asked.body["model"]));
  assertNotSuspended(identity);
  const call = await withHistory(gateway, ports, identity.accountId, asked);
  const keeps = call.body["store"] !== false;
  const format = responsesFormat((responseText) => {
    if (keeps) ports.background(keep(gateway, ports, identity.accountId, call, responseText));
  });
  const reply = await runInference(gateway, ports, { ...call, format });
  if (!keeps || !gateway.responseStoreHealth.isDegraded(ports.clock.now())) return reply;
  const degraded = [reply.headers["x-degraded"] ?? "", "storage"].filter((name) => name !== "").join(",");
  return { ...reply, headers: { ...reply.headers, "x-degraded": degraded } };
}

/** The reply is with the client already: what goes wrong here is logged, and told with the next reply. */
async function keep(
  gateway: Gateway,
  ports: Ports,
  accountId: string,
  call: ResponsesCall,
  responseText: string,
): Promise<void> {
  const id = memberText(responseText, "id");
  if (id === null) return;
  const access = { database: ports.database, secrets: gateway.secrets };
  // JSON text of a string: an id has nothing in it that would have to be escaped, or it is not one to be kept under.
  const stored = { id: id.slice(1, -1), input: withItemIds(inputItems(call.body["input"])), responseText };
  try {
    const kept = await storeResponse(access, accountId, stored, ports.clock.now());
    if (!kept) ports.log.warn("response_too_large_to_keep", { requestId: call.requestId });
    gateway.responseStoreHealth.note(true, ports.clock.now());
  } catch (error) {
    gateway.responseStoreHealth.note(false, ports.clock.now());
    const reason = error instanceof Error ? error.name : "unknown";
    ports.log.warn("response_not_kept", { requestId: call.requestId, reason });
  }
}
