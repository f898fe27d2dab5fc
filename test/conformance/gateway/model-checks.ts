import { at, type Check, listAt, must, mustBe, mustCount, mustText, shown, skip } from "./check.ts";
import { ask, mustAnswer, type Target } from "./target.ts";

async function listed(target: Target): Promise<readonly unknown[]> {
  return listAt(mustAnswer(await ask(target, "/v1/models")).body, "data");
}

/** platform.openai.com/docs/api-reference/models (read 2026-11-25). */
export const MODEL_CHECKS: readonly Check[] = [
  {
    id: "models.list",
    says: "models are listed with id, object, created and owned_by, each once",
    run: async (target) => {
      const { body } = mustAnswer(await ask(target, "/v1/models"));
      mustBe(body, "object", "list");
      const models = listAt(body, "data");
      must(models.length > 0, "the list is empty");
      for (const model of models) {
        mustText(model, "id");
        mustBe(model, "object", "model");
        mustCount(model, "created");
        mustText(model, "owned_by");
      }
      const ids = new Set(models.map((model) => at(model, "id")));
      must(ids.size === models.length, "an id is listed twice");
    },
  },
  {
    id: "models.tested",
    says: "the model that is tested is listed",
    run: async (target) => {
      const ids = (await listed(target)).map((model) => at(model, "id"));
      if (!ids.includes(target.model)) skip(`${target.model} is not listed; it may be another name of one that is`);
    },
  },
  {
    id: "models.retrieve",
    says: "a listed model is found by its id, as the client writes it into the path",
    run: async (target) => {
      const id = mustText((await listed(target))[0], "id");
      const answer = await ask(target, `/v1/models/${encodeURIComponent(id)}`);
      mustBe(mustAnswer(answer).body, "id", id);
    },
  },
  {
    id: "models.unknown",
    says: "one that is not listed is a 404",
    run: async (target) => {
      const { status, body } = await ask(target, "/v1/models/no-such-model-0");
      must(status === 404, `the status is ${status}`);
      must(at(body, "error.message") !== undefined, `the body is ${shown(body)}`);
    },
  },
];
