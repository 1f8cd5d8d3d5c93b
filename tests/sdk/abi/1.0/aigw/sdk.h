/* aigw/sdk.h - everything a plugin includes.
 *
 *     abi.h       versions, status codes, strings, settings, the descriptor      start here
 *     model.h     the canonical request and its events
 *     host.h      what the core does for you
 *     provider.h  implement this to speak to a new kind of model server
 *     feature.h   implement this to serve new routes
 */
#ifndef AIGW_SDK_H
#define AIGW_SDK_H

#include <aigw/abi.h>
#include <aigw/feature.h>
#include <aigw/host.h>
#include <aigw/model.h>
#include <aigw/provider.h>

#endif
