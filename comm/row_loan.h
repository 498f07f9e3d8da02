// comm/row_loan.h -- memory for rows that a transport has lent (Transport::lend_rows), given back
// when this is destroyed, before the transport. Thread safety: shared objects: unsafe.
#pragma once

#include <utility>

#include "comm/transport.h"

namespace switchyard::comm {

class RowLoan {
 public:
  RowLoan() = default;
  // Empty where the transport lends nothing.
  RowLoan(Transport& transport, std::size_t bytes)
      : transport_(&transport), rows_(transport.lend_rows(bytes)) {}
  ~RowLoan() {
    if (!rows_.empty()) transport_->take_back_rows(rows_);
  }
  RowLoan(RowLoan&& other) noexcept
      : transport_(other.transport_), rows_(std::exchange(other.rows_, {})) {}
  RowLoan& operator=(RowLoan&& other) noexcept {
    std::swap(transport_, other.transport_);
    std::swap(rows_, other.rows_);
    return *this;
  }

  [[nodiscard]] MutableBytes rows() const noexcept { return rows_; }

 private:
  Transport* transport_ = nullptr;
  MutableBytes rows_;
};

}  // namespace switchyard::comm
