/* How much a line of the log matters: the numbers of authagent/guard.h. */
#ifndef AA_BASE_LEVEL_H
#define AA_BASE_LEVEL_H

enum { AA_LOG_DEBUG, AA_LOG_INFO, AA_LOG_WARNING, AA_LOG_ERROR };

#endif
