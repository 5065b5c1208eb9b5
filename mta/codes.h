// SPDX-License-Identifier: BSD-2-Clause
// NonDeliveryReasonCode and NonDeliveryDiagnosticCode (X.411, module MTSAbstractService) that this MTA gives itself.
#ifndef MTA_CODES_H
#define MTA_CODES_H

enum {
    CODE_TRANSFER_FAILURE = 0,
    CODE_UNABLE_TO_TRANSFER = 1,
};
enum {
    CODE_UNRECOGNISED_OR_NAME = 0,
    CODE_LOOP_DETECTED = 3,
    CODE_MAXIMUM_TIME_EXPIRED = 5,
    CODE_CONTENT_TOO_LONG = 7,
    CODE_PROTOCOL_VIOLATION = 14,
    CODE_UNSUPPORTED_CRITICAL_FUNCTION = 18,
    CODE_UNABLE_TO_COMPLETE_TRANSFER = 48,
    CODE_TRANSFER_ATTEMPTS_LIMIT_REACHED = 49,
};

#endif
