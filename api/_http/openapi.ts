import * as z from "zod";
import type { Policy } from "./caller.ts";
import type { Route, RouteDocumentation } from "./route.ts";

const SECURITY: Readonly<Record<Policy, readonly Readonly<Record<string, readonly string[]>>[]>> = {
  public: [],
  key: [{ bearer: [] }, { apiKey: [] }],
  admin: [{ admin: [] }],
  "key-or-admin": [{ bearer: [] }, { apiKey: [] }, { admin: [] }],
};

const ERROR_SCHEMAS = {
  OpenAiError: {
    type: "object",
    required: ["error"],
    properties: {
      error: {
        type: "object",
        required: ["message", "type", "param", "code", "request_id"],
        properties: {
          message: { type: "string" },
          type: { type: "string" },
          param: { type: ["string", "null"], description: "The field that is wrong" },
          code: { type: "string", description: "Permanent; match on this" },
          request_id: { type: "string" },
        },
      },
    },
  },
  AnthropicError: {
    type: "object",
    required: ["type", "error", "request_id"],
    properties: {
      type: { const: "error" },
      error: {
        type: "object",
        required: ["type", "message"],
        properties: { type: { type: "string" }, message: { type: "string" } },
      },
      request_id: { type: "string" },
    },
  },
  GoogleError: {
    type: "object",
    required: ["error"],
    properties: {
      error: {
        type: "object",
        required: ["code", "message", "status"],
        properties: {
          code: { type: "integer", description: "The HTTP status" },
          message: { type: "string" },
          status: { type: "string", description: "A name of google.rpc.Code" },
          details: { type: "array", items: { type: "object" } },
        },
      },
    },
  },
} as const;

/** A zod schema as JSON Schema 2020-12, which is OpenAPI 3.1's. Checks that only code can make are left out. */
export function jsonSchemaOf(schema: z.ZodType, io: "input" | "output"): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return rest;
}

/** The routes as an OpenAPI 3.1 document, from the schemas that validate their input. */
export function openApiDocument(routes: readonly Route[], version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    // OpenAPI has no notation for a parameter with slashes.
    const path = route.path.replace("+}", "}");
    const operations = paths[path] ?? {};
    operations[route.method.toLowerCase()] = operationOf(route);
    paths[path] = operations;
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Gangway",
      version,
      description: "One base URL and one key in front of many model providers, for OpenAI and Anthropic clients.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    tags: [...new Set(routes.map(({ documentation }) => documentation.tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: ERROR_SCHEMAS,
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "An API key, `gw_…`" },
        apiKey: {
          type: "apiKey",
          in: "header",
          name: "x-api-key",
          description: "The same key, as Anthropic's clients send it",
        },
        admin: { type: "http", scheme: "bearer", description: "The gateway's ADMIN_API_KEY" },
      },
    },
  };
}

function operationOf(route: Route): Record<string, unknown> {
  const { documentation, policy } = route;
  const errorSchema = errorSchemaOf(route.path);
  return {
    operationId: operationId(route),
    summary: documentation.summary,
    ...(documentation.description === undefined ? {} : { description: documentation.description }),
    tags: [documentation.tag],
    security: SECURITY[policy],
    parameters: [...pathParameters(route.path), ...queryParameters(documentation.query)],
    ...(documentation.body === undefined ? {} : { requestBody: requestBody(documentation) }),
    responses: {
      [documentation.status ?? 200]: { description: "Success", content: replyContent(route) },
      default: {
        description: "Refused or failed",
        headers: { "x-request-id": { schema: { type: "string" } } },
        content: { "application/json": { schema: { $ref: `#/components/schemas/${errorSchema}` } } },
      },
    },
  };
}

function errorSchemaOf(path: string): keyof typeof ERROR_SCHEMAS {
  if (path.startsWith("/v1beta/")) return "GoogleError";
  return path.startsWith("/v1/messages") ? "AnthropicError" : "OpenAiError";
}

/** `POST /v1/chat/completions` as `postV1ChatCompletions`. */
function operationId({ method, path }: Route): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
  return method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}

function pathParameters(path: string): readonly object[] {
  return [...path.matchAll(/\{(\w+)\+?\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function queryParameters(query: z.ZodObject | undefined): readonly object[] {
  if (query === undefined) return [];
  return Object.entries(query.shape)
    .map(([name, field]) => {
      const required = !z.safeParse(field, undefined).success;
      return { name, in: "query", required, schema: jsonSchemaOf(z.object({ [name]: field }), "input")["properties"] };
    })
    .map(({ schema, ...parameter }) => ({ ...parameter, schema: propertyOf(schema, parameter.name) }));
}

function propertyOf(properties: unknown, name: string): unknown {
  return typeof properties === "object" && properties !== null ? Reflect.get(properties, name) : {};
}

function requestBody({ body = z.object({}), files, exampleBody: example }: RouteDocumentation): object {
  const schema = jsonSchemaOf(body, "input");
  if (files !== undefined) {
    return { required: true, content: { "multipart/form-data": { schema: formSchema(schema, files) } } };
  }
  const media = { schema, ...(example === undefined ? {} : { example }) };
  return { required: true, content: { "application/json": media } };
}

/** Files are binary strings, named `image[]` where there may be several (OpenAPI 3.1, section 4.8.14.3). */
function formSchema(schema: Record<string, unknown>, files: NonNullable<RouteDocumentation["files"]>): object {
  const { properties, required } = schema;
  const fields = typeof properties === "object" ? properties : {};
  const binary = files.map(({ name, description }) => [
    name,
    { type: "string", contentMediaType: "application/octet-stream", description },
  ]);
  const needed = files.filter((file) => file.required).map(({ name }) => name);
  return {
    ...schema,
    properties: { ...Object.fromEntries(binary), ...fields },
    required: [...needed, ...(Array.isArray(required) ? required : [])],
  };
}

function replyContent({ documentation }: Route): Record<string, object> {
  const { reply, alsoReplies, exampleReply } = documentation;
  if (typeof reply === "string") return { [reply]: { schema: { type: "string" } } };
  const example = exampleReply === undefined ? {} : { example: exampleReply };
  return {
    "application/json": { schema: jsonSchemaOf(reply, "output"), ...example },
    ...(alsoReplies === undefined ? {} : { [alsoReplies]: { schema: { type: "string" } } }),
  };
}
