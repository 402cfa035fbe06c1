// What streams and banks of the accelerator promise, for the proofs: over all sequences of requests
// and stalls, with counts of words below 8. `ok` is to be 1 in every cycle.

// Words of a bank leave once each, in order, unchanged while they wait.
module unloader_spec(input clk, input rst, input go, input [2:0] want, input ready, output ok);
    reg active, stalled;
    reg [2:0] count, taken;
    reg [3:0] data, last;
    wire read, valid, empty;
    wire [3:0] address, payload;
    unit unit(.clk(clk), .rst(rst), .active(active), .count({21'd0, count}), .finish(active & empty),
        .read(read), .address(address), .read_data(data), .empty(empty),
        .words__valid(valid), .words__payload(payload), .words__ready(ready));
    always @(posedge clk) begin
        // A bank whose words are all different.
`ifdef LOSES_A_WORD
        if (read && address != 3) data <= address ^ 4'd10;
`else
        if (read) data <= address ^ 4'd10;
`endif
        last <= payload;
        stalled <= valid & ~ready & ~rst;
        if (rst) {active, taken} <= 0;
        else if (active & empty) {active, taken} <= 0;
        else begin
            if (~active & go & want != 0) begin active <= 1; count <= want; end
            if (valid & ready) taken <= taken + 1;
        end
    end
    assign ok = rst
        | (~valid | (payload == ({1'b0, taken} ^ 4'd10) & taken < count & active))
        & (~stalled | (valid & payload == last))
        & (~(active & empty) | taken == count);
endmodule

// Words of a stream are written once each, in order, and no more than the job has.
module loader_spec(input clk, input rst, input go, input [2:0] want, input valid, output ok);
    reg active;
    reg [2:0] count, taken;
    wire ready, write, full;
    wire [3:0] address, data;
    unit unit(.clk(clk), .rst(rst), .active(active), .count({21'd0, count}), .finish(active & full),
        .write(write), .address(address), .write_data(data), .full(full),
        .words__valid(valid), .words__payload({1'b0, taken} ^ 4'd10), .words__ready(ready));
    always @(posedge clk)
        if (rst) {active, taken} <= 0;
        else if (active & full) {active, taken} <= 0;
        else begin
            if (~active & go & want != 0) begin active <= 1; count <= want; end
            if (valid & ready) taken <= taken + 1;
        end
    assign ok = rst
        | (write == (valid & ready))
        & (~write | (active & taken < count & address == taken & data == (address ^ 4'd10)))
        & (~(active & full) | taken == count);
endmodule
