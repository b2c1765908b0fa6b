"""The log that every arrow of the data path goes through: one interface, in-process or Kafka."""
