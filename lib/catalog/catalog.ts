import type { Ports } from "../ports/ports.ts";
import { readModel } from "./catalog-store.ts";
import type { Model } from "./model.ts";
import { type ModelJson, modelJson, modelOfJson } from "./model-json.ts";
import { ModelNames, type ResolvedName } from "./model-names.ts";

const FRESH_MS = 300_000; // CM-8.2.2
const SHARED_SECONDS = 900; // CM-8.2.3
const MAX_MODELS = 2_000;

type CatalogPorts = Pick<Ports, "clock" | "redis" | "database" | "background" | "log">;

interface Known {
  readonly model: Model | null;
  readonly readAtMs: number;
}

/**
 * The isolate's view of the catalog. Memory answers the warm path; behind it stand Redis and Postgres, and behind
 * those the last good copy and the seed of the bundle: a lost store does not take models away.
 */
export class Catalog {
  readonly #names: ModelNames;
  readonly #seed: ReadonlyMap<string, ModelJson>;
  readonly #known = new Map<string, Known>();
  readonly #loading = new Map<string, Promise<Model | null>>();

  constructor(seed: readonly ModelJson[], anyModelProviders: readonly string[]) {
    this.#names = new ModelNames(seed, anyModelProviders);
    this.#seed = new Map(seed.map((model) => [model.id, model]));
  }

  resolve(name: string): ResolvedName {
    return this.#names.resolve(name);
  }

  near(name: string): readonly string[] {
    return this.#names.near(name);
  }

  /** The Redis key of one model, so that a cold request can read it together with other keys. */
  static key(id: string): string {
    return `gw:catalog:${id}`;
  }

  /** The model as this isolate knows it, or undefined. A stale one is given and refreshed behind it. */
  fromMemory(ports: CatalogPorts, id: string): Model | null | undefined {
    const known = this.#known.get(id);
    if (known === undefined) return undefined;
    if (ports.clock.now() - known.readAtMs > FRESH_MS) ports.background(this.#refresh(ports, id));
    return known.model;
  }

  /** Takes in what Redis had under the model's key; false when that was nothing of use. */
  absorb(ports: CatalogPorts, id: string, text: unknown): boolean {
    if (typeof text !== "string") return false;
    try {
      this.#remember(ports, id, modelOfJson(modelJson.parse(JSON.parse(text))));
      return true;
    } catch {
      return false; // not ours, or of an older shape: the database knows
    }
  }

  /** The model from the database, or from the nearest copy when that does not answer. Null: there is none. */
  load(ports: CatalogPorts, id: string): Promise<Model | null> {
    const loading = this.#loading.get(id);
    if (loading !== undefined) return loading;
    const load = this.#read(ports, id).finally(() => this.#loading.delete(id));
    this.#loading.set(id, load);
    return load;
  }

  async #refresh(ports: CatalogPorts, id: string): Promise<void> {
    await this.load(ports, id);
  }

  async #read(ports: CatalogPorts, id: string): Promise<Model | null> {
    try {
      const json = await readModel(ports.database, id);
      const model = json === null ? null : modelOfJson(json);
      this.#remember(ports, id, model);
      if (json !== null) ports.background(this.#share(ports, id, json));
      return model;
    } catch (error) {
      ports.log.warn("catalog_read_failed", { model: id, reason: error instanceof Error ? error.name : "unknown" });
      const seeded = this.#seed.get(id);
      const model = this.#known.get(id)?.model ?? (seeded === undefined ? null : modelOfJson(seeded));
      if (model !== null) this.#remember(ports, id, model);
      return model;
    }
  }

  async #share(ports: CatalogPorts, id: string, json: ModelJson): Promise<void> {
    try {
      await ports.redis.set(Catalog.key(id), JSON.stringify(json), { ex: SHARED_SECONDS });
    } catch {
      // A cache that cannot be written is a miss later on.
    }
  }

  #remember(ports: CatalogPorts, id: string, model: Model | null): void {
    this.#known.delete(id);
    this.#known.set(id, { model, readAtMs: ports.clock.now() });
    if (this.#known.size > MAX_MODELS) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
  }
}
