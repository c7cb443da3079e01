// A context manager for OpenTelemetry in which the active context is that of the call stack, and is
// lost after an `await`, so code reads it at once. The SDK's own manager follows the context
// through every promise of the process, which costs more than all spans together.
import { type Context, type ContextManager, ROOT_CONTEXT } from "@opentelemetry/api";

export class CallStackContext implements ContextManager {
  #active: Context = ROOT_CONTEXT;

  active(): Context {
    return this.#active;
  }

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    context: Context,
    run: F,
    receiver?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    const before = this.#active;
    this.#active = context;
    try {
      return run.call(receiver as ThisParameterType<F>, ...args);
    } finally {
      this.#active = before;
    }
  }

  bind<T>(_: Context, target: T): T {
    return target;
  }

  enable(): this {
    return this;
  }

  disable(): this {
    this.#active = ROOT_CONTEXT;
    return this;
  }
}
