const PAGE = 100;

/** All templates of the user in an answer, page after page; or the first answer that is a refusal. */
export async function allTemplates(client, options) {
  const items = [];
  for (let page = 1; ; page += 1) {
    const answer = await client.listTemplates({ ...options, page, pageSize: PAGE });
    if (!answer.success) return answer;
    items.push(...answer.data.items);
    if (!answer.data.has_more) return { ...answer, data: { items } };
  }
}
