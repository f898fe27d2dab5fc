import type { Behaviour, ScriptedFault } from "./fault.ts";

interface QueuedFault {
  readonly behaviour: Behaviour;
  left: number;
}

/** Which fault meets which request: first the key's queue, then the model's, the provider's, then what always holds. */
export class FaultScript {
  readonly #byKey = new Map<string, QueuedFault[]>();
  readonly #byModel = new Map<string, QueuedFault[]>();
  readonly #byProvider = new Map<string, QueuedFault[]>();
  readonly #always = new Map<string, Behaviour>();

  next(provider: string, fault: ScriptedFault): void {
    append(this.#byProvider, provider, fault);
  }

  forKey(key: string, fault: ScriptedFault): void {
    append(this.#byKey, key, fault);
  }

  forModel(nativeModel: string, fault: ScriptedFault): void {
    append(this.#byModel, nativeModel, fault);
  }

  /** From now on, for each request that no queue speaks for. */
  always(provider: string, fault: ScriptedFault): void {
    this.#always.set(provider, fault.behaviour);
  }

  clear(): void {
    this.#byKey.clear();
    this.#byModel.clear();
    this.#byProvider.clear();
    this.#always.clear();
  }

  take(provider: string, nativeModel: string, key: string): Behaviour {
    return (
      shift(this.#byKey.get(key)) ??
      shift(this.#byModel.get(nativeModel)) ??
      shift(this.#byProvider.get(provider)) ??
      this.#always.get(provider) ??
      {}
    );
  }
}

function append(queues: Map<string, QueuedFault[]>, name: string, fault: ScriptedFault): void {
  const queue = queues.get(name) ?? [];
  queue.push({ behaviour: fault.behaviour, left: fault.count });
  queues.set(name, queue);
}

function shift(queue: QueuedFault[] | undefined): Behaviour | null {
  const first = queue?.[0];
  if (queue === undefined || first === undefined) return null;
  first.left -= 1;
  if (first.left <= 0) queue.shift();
  return first.behaviour;
}
