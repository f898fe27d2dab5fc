import { says } from "./chat-checks.ts";
import { at, type Check, must, mustBe, mustText, shown, textAt } from "./check.ts";
import { type Answer, type Asked, ask, chat, type Target } from "./target.ts";

const HELLO = says("Say hello.");
const CHAT = "/v1/chat/completions";

/** What must never reach a client: stack frames, addresses of our own stores, the names of our libraries. */
const INTERNALS =
  /\bat \S+ \(?\S+:\d+:\d+|node_modules|Traceback \(most recent|ECONNREFUSED|(?:postgres(?:ql)?|redis):\/\/|PrismaClient/;

function mustBeError(answer: Answer, status: number): Answer {
  must(answer.status === status, `the status is ${answer.status}, not ${status}: ${shown(answer.text)}`);
  must(
    answer.headers.get("content-type")?.startsWith("application/json") ?? false,
    `the content type is ${answer.headers.get("content-type")}`,
  );
  mustText(answer.body, "error.message");
  mustText(answer.body, "error.type");
  for (const member of ["param", "code"])
    must(at(answer.body, `error.${member}`) !== undefined, `error.${member} is missing`);
  const leak = INTERNALS.exec(answer.text);
  must(leak === null, `something internal is told: ${shown(leak?.[0])}`);
  return answer;
}

/** A body that is refused with 400, and what it says is wrong. */
function refused(name: string, says_: string, body: object, param: string | null = null): Check {
  return {
    id: `errors.${name}`,
    says: `${says_} is a 400${param === null ? "" : ` that names \`${param}\``}`,
    run: async (target) => {
      const answer = mustBeError(await ask(target, CHAT, { body: { model: target.model, ...body } }), 400);
      if (param === null) return;
      const named =
        textAt(answer.body, "error.param").startsWith(param) || textAt(answer.body, "error.message").includes(param);
      must(named, `neither param nor message names ${param}: ${shown(at(answer.body, "error"))}`);
    },
  };
}

function answered(name: string, says_: string, status: number, path: string, asked: (target: Target) => Asked): Check {
  return {
    id: `errors.${name}`,
    says: says_,
    run: async (target) => {
      mustBeError(await ask(target, path, asked(target)), status);
    },
  };
}

const hello = ({ model }: Target) => ({ model, messages: HELLO });

/** platform.openai.com/docs/guides/error-codes (read 2026-11-25). */
export const ERROR_CHECKS: readonly Check[] = [
  answered("no-key", "without a key the status is 401", 401, CHAT, (target) => ({
    body: hello(target),
    headers: { authorization: null },
  })),
  answered("wrong-key", "with a wrong key the status is 401", 401, CHAT, (target) => ({
    body: hello(target),
    headers: { authorization: "Bearer sk-not-a-key-of-anyone" },
  })),
  {
    id: "errors.key-not-repeated",
    says: "an error never repeats the key that was sent",
    run: async (target) => {
      const secret = "sk-conformance-canary-0123456789abcdef";
      const { text } = await ask(target, CHAT, { body: hello(target), headers: { authorization: `Bearer ${secret}` } });
      must(!text.includes(secret), "the answer repeats the whole key");
    },
  },
  {
    id: "errors.unknown-model",
    says: "a model that does not exist is a 404 that names it, with code `model_not_found`",
    run: async (target) => {
      const { body } = mustBeError(await chat(target, { model: "no-such-model-0", messages: HELLO }), 404);
      mustBe(body, "error.code", "model_not_found");
      must(textAt(body, "error.message").includes("no-such-model-0"), "the message does not name the model");
    },
  },
  answered("no-json", "a body that is no JSON is a 400", 400, CHAT, () => ({ body: '{"model": ' })),
  answered("empty-body", "an empty body is a 400", 400, CHAT, () => ({ body: "" })),
  answered("list-body", "a body that is a list is a 400", 400, CHAT, () => ({ body: [1] })),
  answered("no-model", "a request without a model is a 400", 400, CHAT, () => ({ body: { messages: HELLO } })),
  refused("no-messages", "a request without messages", {}, "messages"),
  refused("empty-messages", "an empty list of messages", { messages: [] }, "messages"),
  refused("messages-text", "messages that are a text", { messages: "hello" }, "messages"),
  refused("unknown-role", "a role that does not exist", { messages: [{ role: "narrator", content: "x" }] }, "messages"),
  refused("temperature", "a temperature of 5", { messages: HELLO, temperature: 5 }, "temperature"),
  refused("temperature-text", "a temperature in words", { messages: HELLO, temperature: "hot" }, "temperature"),
  refused("max-tokens", "max_tokens below 1", { messages: HELLO, max_tokens: -1 }, "max_tokens"),
  refused(
    "nameless-tool",
    "a tool without a name",
    { messages: HELLO, tools: [{ type: "function", function: {} }] },
    "tools",
  ),
  {
    id: "errors.unknown-route",
    says: "a route that does not exist is a 404 in the same shape",
    run: async (target) => {
      mustBeError(await ask(target, "/v1/no-such-route", { body: {} }), 404);
    },
  },
  {
    id: "errors.method",
    says: "GET where POST belongs is a 404 or 405 in the same shape",
    run: async (target) => {
      const answer = await ask(target, CHAT);
      mustBeError(answer, answer.status === 405 ? 405 : 404);
    },
  },
];
