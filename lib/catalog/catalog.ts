import { GatewayError } from "../errors/gateway-error.ts";
import type { Ports } from "../ports/ports.ts";
import { readModel } from "./catalog-store.ts";
import type { Model } from "./model.ts";
import { type ModelJson, modelJson, modelOfJson } from "./model-json.ts";
import { isPlausibleName, ModelNames, type ResolvedName } from "./model-names.ts";

const FRESH_MS = 300_000; // CM-8.2.2
const SHARED_SECONDS = 900; // CM-8.2.3
const MAX_MODELS = 2_000;
/** For so long a name that no store knew is not asked for again; a new model is found soon after. */
const UNKNOWN_MS = 60_000;
const MAX_UNKNOWN_NAMES = 1_000;
const RETRY_AFTER_SECONDS = 5;
/** After Redis did not answer it is not waited for again so soon: the database answers sooner than its time runs out. */
const SHARED_PAUSE_MS = 1_000;

type CatalogPorts = Pick<Ports, "clock" | "redis" | "database" | "background" | "log">;

interface Known {
  readonly model: Model;
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
  /** Kept apart, so that made-up names never push models out. Name -> when it was last looked for. */
  readonly #unknown = new Map<string, number>();
  readonly #loading = new Map<string, Promise<Model | null>>();
  #sharedPausedUntilMs = 0;

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

  /** The model as this isolate knows it; null: there is none; undefined: not known. A stale one is given and refreshed. */
  fromMemory(ports: CatalogPorts, id: string): Model | null | undefined {
    const known = this.#known.get(id);
    if (known === undefined) {
      const lookedAtMs = this.#unknown.get(id);
      return lookedAtMs !== undefined && ports.clock.now() - lookedAtMs <= UNKNOWN_MS ? null : undefined;
    }
    if (ports.clock.now() - known.readAtMs > FRESH_MS) ports.background(this.#refresh(ports, id));
    return known.model;
  }

  /** Takes in what Redis had under the model's key; false when that was nothing of use. */
  absorb(ports: CatalogPorts, id: string, text: unknown): boolean {
    if (typeof text !== "string") return false;
    try {
      const model = modelOfJson(modelJson.parse(JSON.parse(text)));
      if (model.id !== id) return false;
      this.#remember(ports, model);
      return true;
    } catch {
      return false; // not ours, or of an older shape: the database knows
    }
  }

  /**
   * The model from Redis, else from the database, else from the nearest copy when that does not answer. Null: there is none.
   * Single flight: many callers at once are one reading.
   * @throws GatewayError `catalog_unavailable` for an id that only the database could know, while it is away
   */
  async load(ports: CatalogPorts, id: string): Promise<Model | null> {
    if (!isPlausibleName(id)) return null;
    const loading = this.#loading.get(id);
    if (loading !== undefined) return loading;
    const load = this.#read(ports, id).finally(() => this.#loading.delete(id));
    this.#loading.set(id, load);
    return load;
  }

  /**
   * Reads those of several models that are not in memory from Redis in one round trip, by their names. What it does not
   * have, or does not answer, is left to `load`.
   */
  async prefetch(ports: CatalogPorts, names: readonly string[]): Promise<void> {
    const ids = names.flatMap((name) => {
      const resolved = this.resolve(name);
      const id = resolved.kind === "model" ? resolved.id : resolved.kind === "unknown" ? resolved.name : null;
      return id !== null && isPlausibleName(id) && this.fromMemory(ports, id) === undefined ? [id] : [];
    });
    if (ids.length < 2 || ports.clock.now() < this.#sharedPausedUntilMs) return;
    try {
      const texts = await ports.redis.mget<unknown[]>(...ids.map((id) => Catalog.key(id)));
      for (const [index, id] of ids.entries()) this.absorb(ports, id, texts[index]);
    } catch {
      this.noteSharedFailure(ports.clock.now());
    }
  }

  /** Redis did not answer somebody's read: for a moment models are read from the database at once. */
  noteSharedFailure(nowMs: number): void {
    this.#sharedPausedUntilMs = nowMs + SHARED_PAUSE_MS;
  }

  async #refresh(ports: CatalogPorts, id: string): Promise<void> {
    await this.load(ports, id);
  }

  async #read(ports: CatalogPorts, id: string): Promise<Model | null> {
    if (await this.#readShared(ports, id)) return this.#known.get(id)?.model ?? null;
    try {
      const json = await readModel(ports.database, id);
      if (json === null) return this.#rememberUnknown(ports, id);
      ports.background(this.#share(ports, id, json));
      return this.#remember(ports, modelOfJson(json));
    } catch (error) {
      ports.log.warn("catalog_read_failed", { model: id, reason: error instanceof Error ? error.name : "unknown" });
      return this.#remember(ports, this.#lastCopy(id));
    }
  }

  async #readShared(ports: CatalogPorts, id: string): Promise<boolean> {
    if (ports.clock.now() < this.#sharedPausedUntilMs) return false;
    try {
      return this.absorb(ports, id, await ports.redis.get<unknown>(Catalog.key(id)));
    } catch {
      this.noteSharedFailure(ports.clock.now());
      return false; // a cache that does not answer is a miss
    }
  }

  /** What this isolate knew last, else what the bundle knows. */
  #lastCopy(id: string): Model {
    const known = this.#known.get(id);
    if (known !== undefined) return known.model;
    const seeded = this.#seed.get(id);
    if (seeded !== undefined) return modelOfJson(seeded);
    throw new GatewayError("catalog_unavailable", "The model cannot be looked up at the moment. Try again shortly.", {
      param: "model",
      retryAfterSeconds: RETRY_AFTER_SECONDS,
    });
  }

  async #share(ports: CatalogPorts, id: string, json: ModelJson): Promise<void> {
    try {
      await ports.redis.set(Catalog.key(id), JSON.stringify(json), { ex: SHARED_SECONDS });
    } catch {
      // A cache that cannot be written is a miss later on.
    }
  }

  #remember(ports: CatalogPorts, model: Model): Model {
    this.#unknown.delete(model.id);
    this.#known.delete(model.id);
    this.#known.set(model.id, { model, readAtMs: ports.clock.now() });
    dropOldest(this.#known, MAX_MODELS);
    return model;
  }

  #rememberUnknown(ports: CatalogPorts, id: string): null {
    this.#known.delete(id);
    this.#unknown.delete(id);
    this.#unknown.set(id, ports.clock.now());
    dropOldest(this.#unknown, MAX_UNKNOWN_NAMES);
    return null;
  }
}

/** A map gives its keys in the order in which they were set. */
function dropOldest(map: Map<string, unknown>, maximum: number): void {
  if (map.size <= maximum) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
