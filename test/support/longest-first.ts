// Starts the files that wait longest first, so that no run ends with a single file that waits while
// the processors idle. Keeps the files of a project together: a worker that is shared ends when the
// next file is of another project.
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** From half a minute up on a quiet machine, longest first. */
const LONGEST = [
  ...["e2e/stop-rollout", "e2e/operations-replicas", "e2e/examples", "e2e/replicas", "e2e/hostile-wire"],
  ...["contract/limiter", "e2e/client-package", "e2e/operations-survive", "contract/store-failures"],
  ...["e2e/jwks", "e2e/operations-command", "e2e/admin-page", "e2e/cancel-command", "e2e/python-recipe"],
  ...["e2e/broken-worlds", "e2e/gateway-misuse", "e2e/stop-command", "e2e/gateway-shutdown"],
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
