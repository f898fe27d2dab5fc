import type * as z from "zod";
import type { ErrorCode } from "../errors/error-catalog.ts";
import { echo, GatewayError } from "../errors/gateway-error.ts";

type Issue = z.core.$ZodIssue;

/**
 * What `schema` makes of `body`.
 * @throws GatewayError the first complaint that says most, with the field in the client's notation
 */
export function validate<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  let result: z.ZodSafeParseResult<z.output<Schema>>;
  try {
    result = schema.safeParse(body);
  } catch (cause) {
    // zod compares the `length` of what is no list too; one that is no number either makes it throw.
    throw new GatewayError("invalid_type", "A list or a text in the body is neither.", { cause });
  }
  if (!result.success) throw schemaError(result.error, body);
  return result.data;
}

/**
 * A schema's refusal as one error of ours: the first issue that says most, with the field in the client's notation.
 * A custom check may name its own code: `ctx.addIssue({ code: "custom", params: { code: "conflicting_fields" } })`.
 */
function schemaError(error: z.core.$ZodError, body: unknown): GatewayError {
  const [issue] = error.issues;
  if (issue === undefined) return new GatewayError("invalid_request", "The body is not valid.");
  const path = issue.code === "unrecognized_keys" ? [...issue.path, issue.keys[0] ?? ""] : issue.path;
  return describe(innermost(issue, body), path, body);
}

/** Of a union's complaints the branch that got furthest tells what was meant. */
function innermost(issue: Issue, body: unknown): Issue {
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return issue;
  const deepest = issue.errors.map((branch) => branch[0]).filter((first) => first !== undefined);
  // Of those that got equally far, one that liked the type knows more than one that did not.
  const rank = (candidate: Issue) => candidate.path.length * 2 + (candidate.code === "invalid_type" ? 0 : 1);
  const best = deepest.toSorted((a, b) => rank(b) - rank(a))[0];
  if (best === undefined || rank(best) === 0) return issue;
  return innermost({ ...best, path: [...issue.path, ...best.path] }, body);
}

function describe(issue: Issue, outerPath: readonly PropertyKey[], body: unknown): GatewayError {
  const path = issue.path.length >= outerPath.length ? issue.path : outerPath;
  const param = formatPath(path);
  const value = valueAt(body, path);
  const refuse = (code: ErrorCode, message: string) => new GatewayError(code, message, { param });
  switch (issue.code) {
    case "invalid_type":
      if (value === undefined) return refuse("missing_field", `${param} is required.`);
      if (typeof value === "number" && !Number.isFinite(value)) {
        return refuse("out_of_range", `${param} must be a finite number.`);
      }
      if (issue.expected === "int") return refuse("invalid_type", `${param} must be an integer.`);
      return refuse("invalid_type", `${param} must be ${article(issue.expected)}.`);
    case "invalid_union":
      if (value === undefined) return refuse("missing_field", `${param} is required.`);
      return refuse(typeof value === "string" ? "invalid_enum" : "invalid_type", `${param} has no valid form.`);
    case "invalid_value": {
      if (value === undefined) return refuse("missing_field", `${param} is required.`);
      const allowed = issue.values.map(String).join(", ");
      if (typeof value !== typeof issue.values[0])
        return refuse("invalid_type", `${param} must be one of: ${allowed}.`);
      return refuse("invalid_enum", `${param} must be one of: ${allowed}; got ${echo(String(value))}.`);
    }
    case "too_small":
      if (issue.origin === "array") return refuse("too_few_items", `${param} needs at least ${issue.minimum} item(s).`);
      if (issue.origin === "string") return refuse("invalid_type", `${param} must not be empty.`);
      return refuse(
        "out_of_range",
        `${param} must be ${issue.inclusive === true ? "at least" : "more than"} ${issue.minimum}.`,
      );
    case "too_big":
      if (issue.origin === "array")
        return refuse("too_many_items", `${param} may have at most ${issue.maximum} items.`);
      if (issue.origin === "string") {
        return refuse("string_too_long", `${param} may have at most ${issue.maximum} characters.`);
      }
      return refuse(
        "out_of_range",
        `${param} must be ${issue.inclusive === true ? "at most" : "less than"} ${issue.maximum}.`,
      );
    case "custom":
      return refuse(codeOf(issue.params), issue.message);
    default:
      return refuse("invalid_value", `${param} is not valid: ${issue.message}`);
  }
}

/** Codes that a custom check may name. */
const CUSTOM_CODES = [
  "missing_field",
  "invalid_type",
  "invalid_value",
  "conflicting_fields",
  "unknown_tool_call_id",
  "invalid_tool_name",
  "out_of_range",
  "url_not_allowed",
  "forbidden_field",
  "empty_string",
] as const satisfies readonly ErrorCode[];

function codeOf(params: Readonly<Record<string, unknown>> | undefined): ErrorCode {
  return CUSTOM_CODES.find((code) => code === params?.["code"]) ?? "invalid_value";
}

function article(expected: string): string {
  return /^[aeio]/.test(expected) ? `an ${expected}` : `a ${expected}`;
}

/** `["messages", 0, "role"]` as `messages[0].role`. */
function formatPath(path: readonly PropertyKey[]): string {
  let text = "";
  for (const step of path) {
    text += typeof step === "number" ? `[${step}]` : `${text === "" ? "" : "."}${echo(String(step))}`;
  }
  return text === "" ? "body" : text;
}

function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  let value = body;
  for (const step of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = Reflect.get(value, step);
  }
  return value;
}
