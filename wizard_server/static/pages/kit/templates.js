/** @import { Options, Template } from "../../client/index.js" */
/** @import { Answer, Client } from "../types.js" */
const PAGE = 100;

/**
 * All templates of the user in an answer, page after page; or the first answer that is a refusal.
 * @param {Client} client @param {Options} options @returns {Promise<Answer<{ items: Template[] }>>}
 */
export async function allTemplates(client, options) {
  const items = /** @type {Template[]} */ ([]);
  for (let page = 1; ; page += 1) {
    const answer = await client.listTemplates({ ...options, page, pageSize: PAGE });
    if (!answer.success) return answer;
    items.push(...answer.data.items);
    if (!answer.data.has_more) return { ...answer, data: { items } };
  }
}
