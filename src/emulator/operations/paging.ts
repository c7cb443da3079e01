// Pages of a list: how they are requested, and how they are answered.
import { serviceError } from "../protocol/errors.js";
import { whole } from "./readers.js";

const MOST_PAGES = 2 ** 31 - 1;

/** `CurrentPage`, from 1. */
export const pageNumber = whole(1, MOST_PAGES, "iot.common.InvalidPageParams");

/** `PageSize`, from 1 to `most`. */
export function pageSize(most: number) {
  return whole(1, most, "iot.common.InvalidPageParams");
}

export interface PageRequest {
  readonly CurrentPage: number;
  readonly PageSize: number;
}

/**
 * The rows of a page, with the fields that place it in the list. `at` returns the row at a place of
 * the list.
 */
export function page<T>({ CurrentPage, PageSize }: PageRequest, total: number, at: (place: number) => T) {
  const first = (CurrentPage - 1) * PageSize;
  const count = Math.max(0, Math.min(PageSize, total - first));
  return {
    rows: Array.from({ length: count }, (_, index) => at(first + index)),
    fields: { CurrentPage, PageSize, PageCount: Math.ceil(total / PageSize), Total: total },
  };
}

/** For lists that can be paged only up to a depth, however long they are. */
export function checkDepth({ CurrentPage, PageSize }: PageRequest, most: number): void {
  if (CurrentPage * PageSize > most) throw serviceError("iot.common.InvalidPageParams");
}
