#include "comm/transport.h"

#include "runtime/base/check.h"

namespace switchyard::comm {

Result<SendTicket> Transport::send_rows(RankId to, Channel channel, Bytes head, Bytes rows) {
  SY_CHECK(rows.empty() || head.data() + head.size() == rows.data(),
           "rows that do not follow their head");
  return send(to, channel, Bytes(head.data(), head.size() + rows.size()));
}

Result<void> Transport::receive_rows(const Arrival& arrival, MutableBytes head, MutableBytes rows) {
  SY_CHECK(rows.empty() || head.data() + head.size() == rows.data(),
           "rows that do not follow their head");
  return receive(arrival, MutableBytes(head.data(), head.size() + rows.size()));
}

}  // namespace switchyard::comm
