import { says } from "./chat-checks.ts";
import { at, type Check, listAt, must, mustBe, mustCount, mustText, shown, skip, textAt } from "./check.ts";
import { dataOf } from "./sent-events.ts";
import { type Answer, type Asked, ask, mustAnswer, type Target } from "./target.ts";

const NOT_THERE = new Set([404, 405, 501]);

/** An endpoint that not every gateway has. */
async function served(target: Target, path: string, asked: Asked = {}): Promise<Answer> {
  const answer = await ask(target, path, asked);
  const method = asked.body === undefined ? "GET" : "POST";
  if (NOT_THERE.has(answer.status)) skip(`${method} ${path} answers ${answer.status}: ${shown(messageOf(answer))}`);
  return mustAnswer(answer);
}

const messageOf = ({ body, text }: Answer) => at(body, "error.message") ?? text;

/** Endpoints beside chat; where one answers 404 it is left out, not failed. */
export const ENDPOINT_CHECKS: readonly Check[] = [
  {
    id: "endpoints.embeddings",
    says: "embeddings come in order, as numbers, with usage",
    run: async (target) => {
      const body = { model: target.embeddingModel, input: ["one", "two"] };
      const answer = await served(target, "/v1/embeddings", { body });
      mustBe(answer.body, "object", "list");
      const data = listAt(answer.body, "data");
      must(data.length === 2, `there are ${data.length} embeddings for two texts`);
      data.forEach((entry, index) => {
        mustBe(entry, "index", index);
        mustBe(entry, "object", "embedding");
        const vector = listAt(entry, "embedding");
        must(
          vector.length > 0 && vector.every((value) => typeof value === "number"),
          "an embedding is no list of numbers",
        );
      });
      mustCount(answer.body, "usage.prompt_tokens", 1);
    },
  },
  {
    id: "endpoints.embeddings-base64",
    says: "embeddings come in base64 for who asks for that, as OpenAI's client does",
    run: async (target) => {
      const body = { model: target.embeddingModel, input: "one", encoding_format: "base64" };
      const answer = await served(target, "/v1/embeddings", { body });
      const vector = mustText(answer.body, "data.0.embedding");
      must(Buffer.from(vector, "base64").length % 4 === 0, "it is no list of 32-bit floats");
    },
  },
  {
    id: "endpoints.responses",
    says: "a response has id, status `completed`, a message with output_text, and usage",
    run: async (target) => {
      const { body } = await served(target, "/v1/responses", { body: { model: target.model, input: "Say hello." } });
      mustText(body, "id");
      mustBe(body, "object", "response");
      mustBe(body, "status", "completed");
      const message = listAt(body, "output").find((item) => at(item, "type") === "message");
      must(message !== undefined, "there is no message in the output");
      mustBe(message, "content.0.type", "output_text");
      mustText(message, "content.0.text");
      mustCount(body, "usage.input_tokens", 1);
      mustCount(body, "usage.output_tokens", 1);
    },
  },
  {
    id: "endpoints.responses-stream",
    says: "a response's events are numbered, begin with response.created and end with response.completed",
    run: async (target) => {
      const body = { model: target.model, input: "Say hello.", stream: true };
      const { events } = await served(target, "/v1/responses", { body });
      const all = dataOf(events);
      mustBe(all[0], "type", "response.created");
      mustBe(all.at(-1), "type", "response.completed");
      all.forEach((event, index) => {
        mustBe(event, "sequence_number", index);
        must(
          events[index]?.name === at(event, "type"),
          `an event is called ${shown(events[index]?.name)}, not as its type`,
        );
      });
      const deltas = all.filter((event) => at(event, "type") === "response.output_text.delta");
      must(deltas.map((event) => textAt(event, "delta")).join("") !== "", "the stream has no text");
    },
  },
  {
    id: "endpoints.completions",
    says: "legacy completions answer with choices of text",
    run: async (target) => {
      const body = { model: target.model, prompt: "Say hello.", max_tokens: 32 };
      const answer = await served(target, "/v1/completions", { body });
      mustBe(answer.body, "object", "text_completion");
      mustText(answer.body, "choices.0.text");
    },
  },
  {
    id: "endpoints.moderations",
    says: "moderations tell flagged, categories and scores",
    run: async (target) => {
      const { body } = await served(target, "/v1/moderations", { body: { input: "What a fine day." } });
      must(typeof at(body, "results.0.flagged") === "boolean", "results.0.flagged is no boolean");
      must(typeof at(body, "results.0.categories") === "object", "there are no categories");
      must(typeof at(body, "results.0.category_scores") === "object", "there are no category_scores");
    },
  },
  {
    id: "endpoints.files",
    says: "files are listed",
    run: async (target) => mustBeList(await served(target, "/v1/files")),
  },
  {
    id: "endpoints.batches",
    says: "batches are listed",
    run: async (target) => mustBeList(await served(target, "/v1/batches")),
  },
  {
    id: "endpoints.gemini",
    says: "Gemini's own route answers with candidates and usageMetadata, for its own key header",
    run: async (target) => {
      const path = `/v1beta/models/${target.model}:generateContent`;
      const headers = { authorization: null, "x-goog-api-key": target.key };
      const { body } = await served(target, path, {
        body: { contents: [{ role: "user", parts: [{ text: "Say hello." }] }] },
        headers,
      });
      mustText(body, "candidates.0.content.parts.0.text");
      mustCount(body, "usageMetadata.promptTokenCount", 1);
    },
  },
  {
    id: "endpoints.unknown-fields",
    says: "a field that the gateway does not know is no reason to refuse a request that it can serve",
    run: async (target) => {
      const body = { model: target.model, messages: says("Say hello."), future_parameter_of_conformance: true };
      const answer = await ask(target, "/v1/chat/completions", { body });
      if (answer.status === 400) skip(`it is refused, as OpenAI itself does: ${shown(messageOf(answer))}`);
      mustAnswer(answer);
    },
  },
];

function mustBeList({ body }: Answer): void {
  mustBe(body, "object", "list");
  must(Array.isArray(at(body, "data")), `data is ${shown(at(body, "data"))}`);
}
