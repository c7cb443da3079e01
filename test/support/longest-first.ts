// Starts the files that wait longest first, so that no run ends with a single file that waits while
// the processors idle. Keeps the files of a project together: a worker that is shared ends when the
// next file is of another project.
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** From 20 seconds up on a quiet machine, longest first. */
const LONGEST = [
  ...["e2e/operations-replicas", "e2e/stop-rollout", "e2e/replicas", "contract/limiter", "e2e/examples"],
  ...["contract/store-failures", "e2e/operations-survive", "e2e/jwks", "e2e/stop-command", "e2e/python-recipe"],
  ...["e2e/full-rate", "e2e/probe", "e2e/verify-replicas", "e2e/tls", "e2e/client-package"],
  ...["e2e/operations-command", "e2e/cancel-command", "e2e/kills"],
];

/** Those that only compute come last: they are many and short, so that all workers end together. */
const PROJECTS = ["real", "alone", "shared"];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rankOf = ({ moduleId, project }: TestSpecification) => {
      const rank = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return rank < 0 ? LONGEST.length + PROJECTS.indexOf(project.name) : rank;
    };
    return sorted.toSorted((a, b) => rankOf(a) - rankOf(b));
  }
}
