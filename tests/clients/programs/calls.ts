// Calls with types made by openapi-typescript; whatever is not as expected ends it with a message.
import createClient from "openapi-fetch";
import type { paths, components } from "./api.js";

declare const process: { argv: string[]; exit(code: number): never };

const [, , url = "", token = ""] = process.argv;

function expect(what: string, holds: boolean): void {
  if (!holds) {
    console.log(`not so: ${what}`);
    process.exit(1);
  }
}

// No optional member is demanded, and an error tells its kind by `code`.
const nothing: components["schemas"]["WizardStateUpdate"] = {};
const report: components["schemas"]["ProgressReport"] = {};
function kind(problem: components["schemas"]["NotFoundProblem"] | components["schemas"]["FeatureDisabledProblem"]): number {
  return problem.code === "not-found" ? problem.status : problem.code.length;
}

const client = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${token}` } });

const created = await client.POST("/api/v1/wizard-state", {
  body: { investigation_id: "inv-ts", user_id: "analyst" },
});
expect("it is created", created.data?.version === 1 && created.data.status === "IN_PROGRESS");

const listed = await client.GET("/api/v1/wizard-state", {
  params: { query: { status: ["IN_PROGRESS", "ERROR"] } },
});
expect("it is listed", listed.data?.total === 1 && listed.data.items[0]?.investigation_id === "inv-ts");

const path = { investigation_id: "inv-ts" };
const changed = await client.PATCH("/api/v1/wizard-state/{investigation_id}", {
  params: { path, header: { "If-Match": '"version-1"' } },
  body: { status: "ERROR" },
});
expect("it is changed", changed.data?.version === 2);

const { data: state } = await client.GET("/api/v1/wizard-state/{investigation_id}", { params: { path } });
const kept = await client.PUT("/api/v1/wizard-state/{investigation_id}", { params: { path }, body: state ?? {} });
expect("what was read can be sent back", kept.data?.version === 2);

const conflict = await client.PATCH("/api/v1/wizard-state/{investigation_id}", {
  params: { path },
  body: { status: "IN_PROGRESS", version: 1 },
});
const problem = conflict.error;
expect("a conflict is told", problem?.code === "version-conflict");
if (problem?.code === "version-conflict") {
  expect("with the current state", problem.current.version === 2 && problem.changed_fields.includes("status"));
}

const absent = await client.GET("/api/v1/wizard-state/{investigation_id}", {
  params: { path: { investigation_id: "absent" } },
});
expect("what is absent is told", absent.error?.code === "not-found" && kind(absent.error) === 404);
const patched = await client.PATCH("/api/v1/wizard-state/{investigation_id}", {
  params: { path },
  headers: { "Content-Type": "application/json-patch+json" },
  body: [{ op: "replace", path: "/status", value: "CANCELLED" }],
});
expect("it is patched", patched.error?.code === "invalid-transition");
console.log("as expected", Object.keys({ ...nothing, ...report }).length);
