import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { JsonObject } from "../../../lib/protocol/json.ts";
import type { ProviderDeclaration } from "../../../lib/providers/provider-declaration.ts";
import { PROVIDERS } from "../../../lib/providers/provider-list.ts";
import { control } from "./control.ts";
import { type Delivery, deliverError, deliverFault, deliverStream, deliverWhole, type Gate } from "./delivery.ts";
import type { ScriptedFault } from "./fault.ts";
import { FaultScript } from "./fault-script.ts";
import { parseJsonObject, textAt } from "./json-reading.ts";
import { keyIn, providerVariables, type SignedRequest, TokenIssuer } from "./provider-access.ts";
import { RequestLog } from "./request-log.ts";
import { deliverTask } from "./tasks.ts";
import { errorOfStatus, geminiError, openAiError, VendorRefusal } from "./vendor-errors.ts";
import {
  checkCredential,
  countTokensReply,
  modelListReply,
  readPrompt,
  routeOf,
  TOKEN_PATH,
  type VendorRoute,
  writeReply,
} from "./vendors.ts";

export interface Simulator {
  readonly url: string;
  /** What an OpenAI client, an Anthropic client and Gemini's wire take as their base URL. */
  readonly openAiBaseUrl: string;
  readonly anthropicBaseUrl: string;
  readonly geminiBaseUrl: string;
  /** What a gateway takes as a provider's base URL. */
  baseUrl(provider: string): string;
  /** The variables that make a gateway use the simulator for these providers. */
  environment(providers: readonly string[]): Record<string, string>;
  readonly log: RequestLog;
  readonly script: FaultScript;
  /** The next request (or requests, with `.times(n)`) to a provider meets this fault. */
  next(provider: string, fault: ScriptedFault): void;
  /** The next request with this key (see `providerKey`) meets this fault. */
  nextWithKey(key: string, fault: ScriptedFault): void;
  /** Lets every held reply go on. */
  release(): void;
  /** Forgets faults, requests and cached prefixes. */
  reset(): void;
  close(): Promise<void>;
}

/** Starts a server that speaks the wires as the vendors do, with faults on demand. */
export async function startSimulator(options: { readonly port?: number } = {}): Promise<Simulator> {
  const script = new FaultScript();
  const log = new RequestLog();
  const gates = new Set<() => void>();
  const seenPrefixes = new Set<string>();
  let sequence = 0;

  const release = () => {
    for (const open of gates) open();
    gates.clear();
  };
  const reset = () => {
    release();
    script.clear();
    log.clear();
    seenPrefixes.clear();
    sequence = 0;
  };

  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? "/", "http://simulator");
    const bytes = await readBody(request);
    if (bytes === null) return; // the client left before it had said everything
    const text = bytes.toString("utf8");
    if (url.pathname.startsWith("/__")) {
      const reply = control(request.method ?? "GET", url.pathname, text, { script, log, release, reset });
      return sendJson(response, JSON.stringify(reply.body), reply.status);
    }
    const route = routeOf(url.pathname);
    if (route === null) return sendJson(response, UNKNOWN_URL, 404);
    const form = await readForm(request, bytes);
    const body = parseJsonObject(text) ?? {};
    const model = route.model ?? textAt(body["model"] ?? textOf(form?.get("model")));
    const behaviour = script.take(route.provider, model, keyIn(request.headers));
    const record = log.add({ route, request, url, body, form, text, model }, response);
    const gate: Gate = {
      wait: () =>
        new Promise((resolve) => {
          gates.add(resolve);
          response.once("close", resolve);
          record.holds();
        }),
    };
    sequence += 1;
    const number = sequence;
    const delivery: Delivery = { response, wire: route.wire, behaviour, gate };
    if (await deliverFault(delivery)) return;
    try {
      const { method = "", url: path = "", headers } = request;
      const signed = { method, path, headers, text };
      if (route.operation === "task") {
        checkCredential(route, signed, issuer);
        const usage = behaviour.usage ?? { kind: "true" };
        return await deliverTask(delivery, { provider: route.provider, path: url.pathname, body, form, usage });
      }
      await answer(route, delivery, signed, body, number);
    } catch (error) {
      if (!(error instanceof VendorRefusal)) throw error;
      deliverError(delivery, error.vendorError);
    }
  };

  const answer = async (
    route: VendorRoute,
    delivery: Delivery,
    request: SignedRequest,
    body: JsonObject,
    number: number,
  ) => {
    if (route.operation === "issue-token") {
      const token = issuer.issue(request.text);
      if (token !== null) return sendJson(delivery.response, token);
      throw new VendorRefusal(geminiError(400, "INVALID_ARGUMENT", "invalid_grant"));
    }
    checkCredential(route, request, issuer);
    if (route.operation === "list-models") return sendJson(delivery.response, modelListReply(route));
    const prompt = readPrompt(route, body, seenPrefixes);
    if (route.operation === "count-tokens") {
      return await deliverWhole(delivery, { whole: countTokensReply(route, prompt), events: [], headers: {} });
    }
    const reply = writeReply(route, prompt, body, delivery.behaviour, number);
    await (prompt.stream ? deliverStream(delivery, reply) : deliverWhole(delivery, reply));
  };

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      // A fault of the simulator's own must be seen as one, not as a provider's.
      console.error("simulator", error);
      if (!response.headersSent) deliverFailure(response);
      response.destroy();
    });
  });
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  // A TCP server's address is an object; only a pipe's is a string.
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const issuer = new TokenIssuer(`${url}${TOKEN_PATH}`);
  const baseUrl = (provider: string) => `${url}/${provider}${declaredPath(provider)}`;

  return {
    url,
    openAiBaseUrl: baseUrl("openai"),
    anthropicBaseUrl: `${url}/anthropic`,
    geminiBaseUrl: baseUrl("google-ai-studio"),
    baseUrl,
    environment: (providers) =>
      Object.assign(
        {},
        ...providers.map((provider) => providerVariables(provider, baseUrl(provider), () => issuer.serviceAccount())),
      ),
    log,
    script,
    next: (provider, scripted) => script.next(provider, scripted),
    nextWithKey: (key, scripted) => script.forKey(key, scripted),
    release,
    reset,
    close: async () => {
      release();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

const UNKNOWN_URL = openAiError(404, "Unknown request URL.", { code: "unknown_url" }).body;

function deliverFailure(response: ServerResponse): void {
  response.writeHead(500, { "content-type": "text/plain" }).end(errorOfStatus("openai", 500).body);
}

function sendJson(response: ServerResponse, body: string, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" }).end(body);
}

async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of request) pieces.push(piece);
  } catch {
    return null;
  }
  return Buffer.concat(pieces);
}

/** Read by the runtime's own parser, not by ours. */
async function readForm(request: IncomingMessage, bytes: Buffer): Promise<FormData | null> {
  const contentType = request.headers["content-type"] ?? "";
  if (!contentType.startsWith("multipart/form-data")) return null;
  return await new Response(new Uint8Array(bytes), { headers: { "content-type": contentType } }).formData();
}

function textOf(value: FormDataEntryValue | null | undefined): string {
  return typeof value === "string" ? value : "";
}

/** The path of a provider's own base URL. */
function declaredPath(provider: string): string {
  const base = declared(provider)?.baseUrl ?? "https://provider.example/v1";
  return new URL(base.replace(/[{}]/g, "")).pathname.replace(/\/$/, "");
}

function declared(provider: string): ProviderDeclaration | undefined {
  return PROVIDERS.find(({ id }) => id === provider);
}
