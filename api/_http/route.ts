import type * as z from "zod";
import type { Gateway } from "../../lib/inference/gateway.ts";
import type { InferenceReply } from "../../lib/inference/inference-call.ts";
import type { Ports } from "../../lib/ports/ports.ts";
import type { Policy } from "./caller.ts";

/** One request on its way through a route. */
export interface Exchange {
  readonly gateway: Gateway;
  /** With the `background` of this very request, where the runtime has one. */
  readonly ports: Ports;
  readonly request: Request;
  readonly requestId: string;
  /** A parameter of the path, decoded. */
  parameter(name: string): string;
  /** Sends a reply of the pipeline, the runtime's own way. */
  send(reply: InferenceReply): Response;
}

/** A file of a form. */
interface FormFile {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
}

export interface RouteDocumentation {
  readonly tag: "Inference" | "Batches" | "Models" | "Account" | "Operator" | "System";
  readonly summary: string;
  readonly description?: string;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** The body is a form: its fields are `body`, and these its files. */
  readonly files?: readonly FormFile[];
  readonly status?: number;
  /** A schema for JSON, or a media type for anything else. */
  readonly reply: z.ZodType | string;
  /** A second media type of the reply, for streams. */
  readonly alsoReplies?: string;
  /** The path with its parameters and query filled in. */
  readonly examplePath?: string;
  readonly exampleBody?: unknown;
  readonly exampleReply?: unknown;
}

/** A route as data: the app mounts it, the policy guards it, OpenAPI and the reference page describe it. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  /** In OpenAPI's notation: `/v1/models/{vendor}/{model}`. A last `{model+}` takes slashes too. */
  readonly path: string;
  readonly policy: Policy;
  readonly documentation: RouteDocumentation;
  /** Enforces `policy` before anything else. */
  readonly handle: (exchange: Exchange) => Response | Promise<Response>;
}
