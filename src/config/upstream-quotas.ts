// The quotas of the operations beside CancelOTATaskByDevice: calls a second for the whole account.
// These are documented; an account with others sets them in the file.

export const OPERATION_QUOTAS = {
  ListOTATaskByJob: 10,
  ListOTAUnfinishedTaskByDevice: 10,
  BatchQueryDeviceDetail: 5,
  BatchGetDeviceState: 50,
  ListOTAJobByFirmware: 10,
  QueryOTAJob: 10,
  CancelOTAStrategyByJob: 10,
  CancelOTATaskByJob: 5,
} as const;

export type QuotaOperation = keyof typeof OPERATION_QUOTAS;

export type OperationQuotas = Readonly<Partial<Record<QuotaOperation, number>>>;
