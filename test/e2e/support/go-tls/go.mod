module polytap.test/gotls

go 1.17
