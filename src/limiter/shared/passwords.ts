// Hides the passwords of the store's addresses in the store's messages. A store that does not know
// AUTH, or a proxy in front of it, quotes the arguments of the command that it refuses.

/** Returns a function that replaces each password with `***`. */
export function passwordsHidden(urls: readonly URL[]): (text: string) => string {
  const given = urls.flatMap(({ password, search }) => [password, /sentinelPassword=([^&]*)/.exec(search)?.[1]]);
  const passwords = given.flatMap((password) => (password ? [password, decoded(password)] : []));
  return (text) => {
    const [said = ""] = text.split(/,? with args beginning with/); // quoted, escaped and cut as the store likes
    return passwords.reduce((rest, password) => rest.replaceAll(password, "***"), said);
  };
}

function decoded(password: string): string {
  try {
    return decodeURIComponent(password);
  } catch {
    return password; // a literal %
  }
}
