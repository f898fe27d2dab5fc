import { says } from "./chat-checks.ts";
import { type Check, must, shown } from "./check.ts";
import { type Answer, chat, mustAnswer } from "./target.ts";

const ID_HEADERS = ["x-request-id", "request-id", "x-generation-id"];
/** Headers of the providers' own, which would tell whose account serves a client. */
const PROVIDERS_OWN = [
  "openai-organization",
  "openai-project",
  "anthropic-organization-id",
  "x-goog-api-key",
  "x-groq-region",
];

const HELLO = { messages: says("Say hello.") };

const idOf = ({ headers }: Answer) =>
  ID_HEADERS.map((name) => headers.get(name)).find((value) => value !== null) ?? null;

export const HEADER_CHECKS: readonly Check[] = [
  {
    id: "headers.request-id",
    says: `every answer has an id of its own in ${ID_HEADERS.join(", ")}`,
    run: async (target) => {
      const [one, other] = [idOf(await chat(target, HELLO)), idOf(await chat(target, HELLO))];
      must(one !== null && one !== "", "there is no such header");
      must(one !== other, `two answers have the id ${one}`);
    },
  },
  {
    id: "headers.request-id-of-errors",
    says: "an error has an id too",
    run: async (target) => {
      const answer = await chat(target, { messages: [] });
      must(idOf(answer) !== null, `there is none of ${ID_HEADERS.join(", ")}`);
    },
  },
  {
    id: "headers.request-id-of-streams",
    says: "a stream has an id too",
    run: async (target) => must(idOf(await chat(target, { ...HELLO, stream: true })) !== null, "there is none"),
  },
  {
    id: "headers.json",
    says: "a reply's content type is application/json",
    run: async (target) => {
      const type = mustAnswer(await chat(target, HELLO)).headers.get("content-type");
      must(type?.startsWith("application/json") ?? false, `the content type is ${type}`);
    },
  },
  {
    id: "headers.no-account",
    says: "no header tells whose account at the provider is used",
    run: async (target) => {
      const { headers } = mustAnswer(await chat(target, HELLO));
      const told = PROVIDERS_OWN.filter((name) => headers.has(name));
      must(told.length === 0, `there is ${shown(told)}`);
    },
  },
];
