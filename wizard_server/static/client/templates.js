/** @import { WizardClient, WizardStore as Store } from "./client.types.js" */
/** @import { Answer } from "./parts.types.js" */

const PAGE = 100;

/**
 * What the store does with templates.
 * @param {WizardClient} client @param {(changes: Partial<Store>) => void} set @param {() => Store} get
 * @returns {Pick<Store, "loadTemplates" | "createTemplate" | "updateTemplate" | "deleteTemplate" | "selectTemplate" | "applyTemplate">}
 */
export function templateActions(client, set, get) {
  /** Say in `error` what was refused. @param {Answer} answer */
  function succeeded(answer) {
    set({ error: answer.success ? null : answer.error ?? null });
    return answer.success;
  }
  /** @param {string} id @param {any[]} instead */
  const replaced = (id, ...instead) => get().templates.flatMap((each) => (each.template_id === id ? instead : [each]));
  return {
    async loadTemplates() {
      const templates = [];
      for (let page = 1, more = true; more; page += 1) {
        const answer = await client.listTemplates({ page, pageSize: PAGE });
        if (!succeeded(answer)) return;
        templates.push(...(answer.data?.items ?? []));
        more = Boolean(answer.data?.has_more);
      }
      set({ templates });
    },
    async createTemplate(template) {
      const answer = await client.createTemplate(template);
      if (!succeeded(answer) || !answer.data) throw Object.assign(new Error(answer.error), { answer });
      set({ templates: [...get().templates, answer.data] });
      return answer.data;
    },
    async updateTemplate(id, updates) {
      const answer = await client.updateTemplate(id, updates);
      if (!succeeded(answer) || !answer.data) return;
      const changed = answer.data;
      const { selectedTemplate } = get();
      set({ templates: replaced(id, changed), selectedTemplate: selectedTemplate?.template_id === id ? changed : selectedTemplate });
    },
    async deleteTemplate(id) {
      if (!succeeded(await client.deleteTemplate(id))) return;
      const { selectedTemplate } = get();
      set({ templates: replaced(id), selectedTemplate: selectedTemplate?.template_id === id ? null : selectedTemplate });
    },
    selectTemplate: (template) => set({ selectedTemplate: template }),
    applyTemplate(template) {
      set({ selectedTemplate: template });
      void get().updateWizardState({ settings: template.settings });
    },
  };
}
